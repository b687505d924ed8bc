import { Command } from "commander";
import { type HostOptions, serveOrders } from "../bench/cutover-host.ts";
import { run, type Shell } from "../command.ts";

/** Started by `bench cutover` only, which says what to do over the channel between the processes. */
export function benchHostCommand(shell: Shell): Command {
  return new Command("bench-host").argument("<options>").action((text: string) =>
    run(shell, {}, async () => {
      await serveOrders(JSON.parse(text) as HostOptions);
      return 0;
    }),
  );
}
