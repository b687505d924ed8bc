import { stateAt, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { atText } from "../format/at-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { MomentOptions } from "../world.ts";

export function atCommand(shell: Shell): Command {
  return narrowed(command("at [options]", "The spaces as they were at a moment (default: now)"))
    .option("--at <moment>", "version, @TIME, @CLOCK:SECONDS or a bookmark's name")
    .action((options: MomentOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const state = stateAt(journal, name, versionAt(journal, name, given.at), given);
          answer(shell.world, given, state, () => atText(state));
          return 0;
        }),
      ),
    );
}
