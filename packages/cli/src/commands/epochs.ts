/** The cutover rules' other verbs: `release`, `takeover`, `branches`. */
import { release, takeover } from "@ioasis/migration";
import { contextLine } from "@ioasis/server";
import type { Journal } from "@ioasis/store";
import type { Command } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { contextsText } from "../format/contexts-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import type { CommonOptions, ExitCode, World } from "../world.ts";

function tell(world: World, options: CommonOptions, journal: Journal, name: string): ExitCode {
  const line = contextLine(journal, name);
  answer(world, options, line, () => contextsText([line]));
  return 0;
}

export function releaseCommand(shell: Shell): Command {
  return command("release CONTEXT [options]", "Promise never to claim a context that was sealed for this host")
    .argument("<context>", "the context")
    .action((context: string, options: CommonOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "write", async (journal) => {
          const { name } = chooseContext(journal, { ...given, context });
          await release(journal, name);
          return tell(shell.world, given, journal, name);
        }),
      ),
    );
}

export function takeoverCommand(shell: Shell): Command {
  return command(
    "takeover CONTEXT --reason TEXT [options]",
    "Go on alone with a sealed context whose successor never ran",
  )
    .argument("<context>", "the context")
    .requiredOption("--reason <text>", "why it is certain that the successor never ran; kept in the history")
    .action((context: string, options: CommonOptions & { readonly reason: string }) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "write", async (journal) => {
          const { name } = chooseContext(journal, { ...given, context });
          await takeover(journal, name, given.reason);
          return tell(shell.world, given, journal, name);
        }),
      ),
    );
}

export function branchesCommand(shell: Shell): Command {
  return command("branches CONTEXT [options]", "The lines of history of a context: one, and another for every takeover")
    .argument("<context>", "the context")
    .action((context: string, options: CommonOptions) =>
      run(shell, options, (given) =>
        withJournal(shell.world, given, "read", async (journal) =>
          tell(shell.world, given, journal, chooseContext(journal, { ...given, context }).name),
        ),
      ),
    );
}
