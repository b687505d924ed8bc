import { parseIovaRange, versionAt, who } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { whoText } from "../format/who-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

export function whoCommand(shell: Shell): Command {
  return narrowed(
    command("who IOVA [options]", "What is mapped at an address, by whom, since when; exit 1 when nothing is"),
  )
    .argument("<iova>", "an address, or a range")
    .option("--at <moment>", "version, @TIME, @CLOCK:SECONDS or a bookmark's name (default: now)")
    .action((iova: string, options: MomentOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const version = versionAt(journal, name, given.at);
          const found = who(journal, name, parseIovaRange(iova, "IOVA"), version, given);
          answer(shell.world, given, found, () => whoText(found));
          return found.mapped ? 0 : 1;
        }),
      ),
    );
}
