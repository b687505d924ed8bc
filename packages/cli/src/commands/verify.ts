import { IoasisError } from "@ioasis/core";
import type { Command } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { verifyText } from "../format/verify-text.ts";
import { withJournal } from "../journal-choice.ts";
import type { ContextOptions } from "../world.ts";

export function verifyCommand(shell: Shell): Command {
  return command("verify [options]", "Read the whole journal again and check every frame, hash and digest")
    .option("--context <name>", "the context whose digest to give, where there are several")
    .action((options: ContextOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) => {
          const report = await journal.verify();
          const names = Object.keys(report.digests);
          const name = given.context ?? (names.length === 1 ? names[0] : undefined);
          if (given.context !== undefined && journal.context(given.context) === null)
            throw new IoasisError("ERR_NO_CONTEXT", `--context ${given.context}: the journal has no such context`);
          const digest = name === undefined ? null : (report.digests[name] ?? null);
          const { ok, blocks, events, digests, damage } = report;
          answer(shell.world, given, { ok, blocks, events, digest, damage, digests }, () => verifyText(report));
          return ok ? 0 : 1;
        }),
      ),
    );
}
