import { recordedToJson } from "@ioasis/core";
import { type BisectAnswer, bisect, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { logLine } from "../format/log-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { NarrowedOptions } from "../world.ts";

interface Options extends NarrowedOptions {
  readonly from?: string;
  readonly to?: string;
}

export function bisectCommand(shell: Shell): Command {
  return narrowed(
    command("bisect CONDITION [options]", "The first version at which a condition holds; exit 1 when it never does"),
  )
    .argument("<condition...>", "mapped 0x1000, attached 0000:00:05.0, areas above 1000, ...: docs/bisect.md")
    .option("--from <version>", "first version to look at, or a moment as --at takes it (default: 1)")
    .option("--to <version>", "last version to look at, or a moment (default: now)")
    .action((words: string[], options: Options) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const { ioas, device } = given;
          const to = versionAt(journal, name, given.to);
          const from = given.from === undefined ? Math.min(1, to) : versionAt(journal, name, given.from);
          const found = bisect(journal, name, words.join(" "), { from, to, ioas, device });
          answer(shell.world, given, toJson(found), () => bisectText(found));
          return found.version === null ? 1 : 0;
        }),
      ),
    );
}

/** The event's own fields as `log` has them, `version` and `event` null where it never holds. */
function toJson({ found, ...answer }: BisectAnswer): object {
  return { ...answer, ...(found === null ? { event: null } : recordedToJson(found)) };
}

function bisectText({ context, condition, from, to, version, found, steps }: BisectAnswer): string {
  const searched = `versions ${from} to ${to} of ${context}, ${steps} looked at`;
  if (version === null) return `"${condition}" holds nowhere in ${searched}`;
  const when = version === from ? `holds at ${version} already` : `holds from version ${version} on`;
  return [`"${condition}" ${when} (${searched})`, ...(found === null ? [] : [logLine(found)])].join("\n");
}
