import { contextLine } from "@ioasis/server";
import type { Command } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { contextsText } from "../format/contexts-text.ts";
import { withJournal } from "../journal-choice.ts";
import type { CommonOptions } from "../world.ts";

export function contextsCommand(shell: Shell): Command {
  return command("contexts [options]", "The contexts of the journal: how long, whose, in which state").action(
    (options: CommonOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const lines = journal
            .contexts()
            .map(({ name, damagedFrom }) => ({ ...contextLine(journal, name), damagedFrom }));
          answer(shell.world, given, lines, () => contextsText(lines));
          const [damage] = journal.damage;
          if (damage === undefined) return 0;
          shell.world.err(
            `ioasis: the journal is damaged at ${damage.file}, byte ${damage.offset}: ${damage.what}: the versions above are what is intact (ERR_DAMAGED)\n`,
          );
          return 3;
        }),
      ),
  );
}
