import { diff, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { diffText } from "../format/diff-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { NarrowedOptions } from "../world.ts";

export function diffCommand(shell: Shell): Command {
  return narrowed(
    command("diff A B [options]", "What is mapped and attached differently at two moments; exit 1 when they differ"),
  )
    .argument("<a>", "version, @TIME or bookmark")
    .argument("<b>", "version, @TIME or bookmark")
    .action((a: string, b: string, options: NarrowedOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const difference = diff(journal, name, versionAt(journal, name, a), versionAt(journal, name, b), given);
          answer(shell.world, given, difference, () => diffText(difference));
          return difference.equal ? 0 : 1;
        }),
      ),
    );
}
