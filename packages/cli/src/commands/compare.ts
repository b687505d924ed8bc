import { type DumpedPage, parsePageTableDump } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import { comparePages, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { compareText } from "../format/compare-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

const DUMP_BYTES_MAX = 512 * 1024 * 1024;

interface Options extends MomentOptions {
  readonly dump: readonly string[];
}

export function compareCommand(shell: Shell): Command {
  const { world } = shell;
  return narrowed(
    command("compare --dump FILE... [options]", "The state against page tables of the hardware; exit 1 when not equal"),
  )
    .requiredOption("--dump <file...>", "Intel's domain_translation_struct from debugfs; several are taken together")
    .option("--at <moment>", "version, @TIME, @CLOCK:SECONDS or a bookmark's name (default: now)")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        const dumps: (readonly DumpedPage[])[] = [];
        for (const file of given.dump) dumps.push(await pagesOf(file, (text) => world.err(text)));
        return withJournal(world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const version = versionAt(journal, name, given.at);
          const comparison = comparePages(journal.state(name, version), dumps, given);
          answer(world, given, { context: name, version, ...comparison }, () =>
            compareText({ version, ...comparison }),
          );
          return comparison.equal ? 0 : 1;
        });
      }),
    );
}

async function pagesOf(file: string, warn: (text: string) => void): Promise<readonly DumpedPage[]> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (await openContent(file)).chunks()) {
    parts.push(chunk);
    size += chunk.length;
    if (size > DUMP_BYTES_MAX)
      throw new IoasisError("ERR_LIMIT", `${file}: a page-table dump over 512 MiB is not read`, { file });
  }
  const { pages, problems } = parsePageTableDump(Buffer.concat(parts).toString("latin1"));
  const [first] = problems;
  if (pages.length === 0 && first !== undefined)
    throw new IoasisError("ERR_INPUT", `${file}: no page-table dump (line ${first.line}: ${first.reason})`, {
      file,
      line: first.line,
    });
  if (first !== undefined)
    warn(`ioasis: ${file}: ${problems.length} lines were not read, the first is line ${first.line}: ${first.reason}\n`);
  return pages;
}
