import { applyLines, lineGroups } from "@ioasis/server";
import { Engine } from "@ioasis/store";
import type { Command } from "commander";
import { callerOf } from "../caller.ts";
import { command, run, type Shell } from "../command.ts";
import { openContent } from "../content.ts";
import { withJournal } from "../journal-choice.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly actor?: string;
}

export function applyCommand(shell: Shell): Command {
  const { world } = shell;
  return command("apply NAME [FILE|-]", "Commands in, one JSON object a line; outcomes out, each once it is durable")
    .argument("<name>", "a context that `ioasis create` made")
    .argument("[file]", "the commands; - or nothing: standard input", "-")
    .option("--actor <name>", "whom the events name (default: the user)")
    .action((name: string, file: string, options: Options) =>
      run(shell, options, (given) =>
        withJournal(world, given, "write", async (journal) => {
          const chunks = file === "-" ? world.input() : (await openContent(file)).chunks();
          const engine = Engine.open(journal, name, callerOf(world, given.actor));
          const groups = lineGroups(chunks, file);
          try {
            await applyLines({ engine, groups, source: file, write: (text) => world.out(text), signal: world.signal });
          } finally {
            await engine.close();
          }
          return 0;
        }),
      ),
    );
}
