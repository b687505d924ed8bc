import { changesAround, parseIovaRange, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { changesText } from "../format/changes-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

export function changesCommand(shell: Shell): Command {
  return narrowed(
    command("changes RANGE [options]", "The last change of a range up to a moment, and the next after it"),
  )
    .argument("<range>", "0x1000, 0x1000-0x1fff or 0x1000+0x1000")
    .option("--at <moment>", "version, @TIME, @CLOCK:SECONDS or a bookmark's name (default: now)")
    .action((range: string, options: MomentOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const version = versionAt(journal, name, given.at);
          const found = changesAround(journal, name, parseIovaRange(range, "RANGE"), version, given);
          answer(shell.world, given, found, () => changesText(found));
          return 0;
        }),
      ),
    );
}
