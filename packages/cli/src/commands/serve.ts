import { serve } from "@ioasis/server";
import { type Command, InvalidArgumentError } from "commander";
import { callerOf } from "../caller.ts";
import { command, run, type Shell } from "../command.ts";
import { withJournal } from "../journal-choice.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly socket?: string;
}

export function serveCommand(shell: Shell): Command {
  const { world } = shell;
  return command("serve [options]", "Receive replicas and migrations, until interrupted")
    .option("--listen <host:port>", "where to listen; port 0 takes a free one", listenAddress, {
      host: "127.0.0.1",
      port: 7411,
    })
    .option("--socket <path>", "also take commands on a UNIX socket, one JSON object a line (docs/socket.md)")
    .action((options: Options) =>
      run(shell, options, (given) =>
        withJournal(world, given, "write", async (journal) => {
          const server = await serve({
            journal,
            listen: given.listen,
            ...(given.socket === undefined
              ? {}
              : { commands: { path: given.socket, callerOf: (actor: string) => callerOf(world, actor) } }),
            onEvent: (event) => world.err(`${event}\n`),
            signal: world.signal,
          });
          const line = { listening: server.url, replica: journal.replica };
          world.out(
            given.json === true ? `${JSON.stringify(line)}\n` : `listening on ${server.url} as ${journal.replica}\n`,
          );
          await new Promise<void>((resolve) => {
            if (world.signal.aborted) resolve();
            else world.signal.addEventListener("abort", () => resolve(), { once: true });
          });
          await server.close();
          return 0;
        }),
      ),
    );
}

function listenAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new InvalidArgumentError("It must be HOST:PORT, for example 127.0.0.1:7411.");
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}
