import { IoasisError, type Recorded, recordedToJson } from "@ioasis/core";
import { logOf, parseIovaRange, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { command, narrowed, run, type Shell } from "../command.ts";
import { logHeader, logLine } from "../format/log-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { ContextOptions } from "../world.ts";

/** Lines that are handed to stdout at once: a long log is never held whole. */
const LINES_AT_ONCE = 1_000;

interface Options extends ContextOptions {
  readonly from?: string;
  readonly to?: string;
  readonly type?: string;
  readonly iova?: string;
  readonly ioas?: string;
  readonly device?: string;
}

export function logCommand(shell: Shell): Command {
  const { world } = shell;
  return narrowed(command("log [options]", "The events of a context, in order"))
    .option("--from <version>", "first version, or a moment as --at takes it")
    .option("--to <version>", "last version, or a moment as --at takes it")
    .option("--type <name>", "only events of this type (IovaMapped)")
    .option("--iova <range>", "only events that touch this range")
    .action((options: Options) =>
      run(shell, options, (given) =>
        withJournal(world, given, "read", async (journal) => {
          const { name } = chooseContext(journal, given);
          const { from, to, type, iova, ioas, device } = given;
          const first = from === undefined ? undefined : versionAt(journal, name, from);
          const last = to === undefined ? undefined : versionAt(journal, name, to);
          if (first !== undefined && last !== undefined && first > last)
            throw new IoasisError(
              "ERR_USAGE",
              `--from ${from} is version ${first}, behind --to ${to} (version ${last}): swap them`,
            );
          const events = logOf(journal, name, {
            from: first,
            to: last,
            type,
            range: iova === undefined ? undefined : parseIovaRange(iova, "--iova"),
            ioas,
            device,
          });
          const isJson = given.json === true;
          if (!isJson) world.out(`${logHeader(name)}\n`);
          const line = (recorded: Recorded): string =>
            isJson ? JSON.stringify(recordedToJson(recorded)) : logLine(recorded);
          let lines: string[] = [];
          for (const recorded of events) {
            if (lines.push(line(recorded)) < LINES_AT_ONCE) continue;
            world.out(`${lines.join("\n")}\n`);
            lines = [];
          }
          if (lines.length > 0) world.out(`${lines.join("\n")}\n`);
          return 0;
        }),
      ),
    );
}
