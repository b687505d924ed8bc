import path from "node:path";
import {
  type AuditRule,
  IoasisError,
  type LayoutFile,
  layoutFilesOf,
  layoutRanges,
  parseRules,
  type Range,
  stampToJson,
  type Violation,
} from "@ioasis/core";
import { ruleViolations, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { command, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { violationLine } from "../format/rules-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import { inFile, jsonOf } from "../json-file.ts";
import type { ContextOptions } from "../world.ts";

const RULE_FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Lines that are handed to stdout at once. */
const LINES_AT_ONCE = 1_000;

interface Options extends ContextOptions {
  readonly from?: string;
  readonly to?: string;
}

export function rulesCommand(shell: Shell): Command {
  const { world } = shell;
  return command("rules FILE [options]", "What of the histories breaks the rules of a file; exit 1 when anything does")
    .argument("<file>", "the rules, one a line")
    .option("--context <name>", "only this context; otherwise all")
    .option("--from <version>", "first version told, or a moment as --at takes it; what came before counts")
    .option("--to <version>", "last version, or a moment as --at takes it")
    .action((file: string, options: Options) =>
      run(shell, options, async (given) => {
        const rules = await rulesOf(file);
        return withJournal(world, given, "read", async (journal) => {
          const { from, to } = given;
          const isOne = given.context !== undefined || from !== undefined || to !== undefined;
          const one = isOne || journal.contexts().length === 0 ? chooseContext(journal, given).name : null;
          const contexts = one === null ? journal.contexts().map(({ name }) => name) : [one];
          const first = from === undefined || one === null ? undefined : versionAt(journal, one, from);
          const last = to === undefined || one === null ? undefined : versionAt(journal, one, to);
          if (first !== undefined && last !== undefined && first > last)
            throw new IoasisError(
              "ERR_USAGE",
              `--from ${from} is version ${first}, behind --to ${to} (version ${last}): swap them`,
            );
          let lines: string[] = [];
          let count = 0;
          const flush = (): void => {
            if (lines.length > 0) world.out(`${lines.join("\n")}\n`);
            lines = [];
          };
          const notes = ruleViolations(journal, rules, { contexts, from: first, to: last }, (violation) => {
            count++;
            lines.push(given.json === true ? JSON.stringify(toJson(violation)) : violationLine(violation));
            if (lines.length === LINES_AT_ONCE) flush();
          });
          if (count === 0 && given.json !== true) lines.push(`no violation of ${rules.length} rules`);
          flush();
          for (const note of notes) world.err(`ioasis: ${note}\n`);
          return count > 0 ? 1 : 0;
        });
      }),
    );
}

function toJson({ rule, context, recorded: { version, stamp, actor }, detail }: Violation): unknown {
  return { rule, version, ...stampToJson(stamp), actor, detail: `${context}: ${detail}` };
}

async function rulesOf(file: string): Promise<AuditRule[]> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (await openContent(file)).chunks()) {
    parts.push(chunk);
    size += chunk.length;
    if (size > RULE_FILE_BYTES_MAX)
      throw new IoasisError("ERR_LIMIT", `${file}: more than 4 MiB of rules are not read`, { file });
  }
  const text = Buffer.concat(parts).toString("utf8");
  const layouts = new Map<string, readonly Range[]>();
  for (const layout of inFile(file, () => layoutFilesOf(text)))
    layouts.set(layout.file, await layoutOf(path.resolve(path.dirname(file), layout.file), file, layout));
  return inFile(file, () => parseRules(text, layouts));
}

/** The ranges of a layout file that `rules` names; what is wrong with it is wrong in that line. */
async function layoutOf(layout: string, rules: string, { line }: LayoutFile): Promise<readonly Range[]> {
  try {
    const value = await jsonOf(layout);
    return inFile(layout, () => layoutRanges(value));
  } catch (error) {
    const code = error instanceof IoasisError ? error.code : "ERR_INPUT";
    const reason = error instanceof Error ? error.message : String(error);
    throw new IoasisError(code, `${rules}: line ${line}: ${reason}`, { file: rules, line });
  }
}
