import { historyOf, parseIovaRange } from "@ioasis/history";
import type { Command } from "commander";
import { answerLines, command, narrowed, run, type Shell } from "../command.ts";
import { historyText } from "../format/history-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { NarrowedOptions } from "../world.ts";

export function historyCommand(shell: Shell): Command {
  return narrowed(command("history RANGE [options]", "Everything that ever happened to a range, oldest first"))
    .argument("<range>", "0x1000, 0x1000-0x1fff or 0x1000+0x1000")
    .action((range: string, options: NarrowedOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const rows = historyOf(journal, name, parseIovaRange(range, "RANGE"), given);
          answerLines(shell.world, given, rows, () => historyText([...rows]));
          return 0;
        }),
      ),
    );
}
