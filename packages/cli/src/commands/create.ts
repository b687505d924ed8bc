import {
  contextCreated,
  guestOf,
  IoasisError,
  kernelOf,
  MODELLED_PROFILES,
  POLICIES,
  type ProfileName,
} from "@ioasis/core";
import { createContext } from "@ioasis/store";
import { type Command, Option } from "commander";
import { callerOf } from "../caller.ts";
import { answer, command, run, type Shell } from "../command.ts";
import { withJournal } from "../journal-choice.ts";
import { jsonOf } from "../json-file.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly profile: ProfileName;
  readonly kernel?: string;
  readonly policy?: string;
  readonly layout?: string;
  readonly host?: readonly string[];
  readonly hostMachine?: string;
  readonly actor?: string;
}

export function createCommand(shell: Shell): Command {
  const { world } = shell;
  return command("create NAME --profile P [options]", "Make a context that takes commands (ioasis apply)")
    .argument("<name>", "of the context")
    .addOption(
      new Option("--profile <name>", "whose semantics decide").choices(MODELLED_PROFILES).makeOptionMandatory(),
    )
    .option("--kernel <release>", "6.12 or 7.3, where the profile differs between them (default: 6.12)")
    .addOption(
      new Option("--policy <name>", "who chooses the layout (default: nobody is held to one)").choices(POLICIES),
    )
    .option("--layout <file>", "what `ioasis layout --json` printed")
    .option("--host <file...>", "what `ioasis host --json` printed, or a person wrote: devices and limits")
    .addOption(new Option("--host-machine <name>", "of an sPAPR profile's host").choices(["pseries", "powernv"]))
    .option("--actor <name>", "whom the events name (default: the user)")
    .action((name: string, options: Options) =>
      run(shell, options, async (given) => {
        const { profile, policy = null, hostMachine = null } = given;
        const kernel = kernelOf(profile, given.kernel ?? null);
        if (given.layout !== undefined && policy === null)
          throw new IoasisError("ERR_USAGE", "--layout: nobody would hold the guest to it: give --policy too");
        const layout = given.layout === undefined ? null : await jsonOf(given.layout);
        const hosts = (await Promise.all((given.host ?? []).map(jsonOf))).flat();
        const created = contextCreated({ profile, kernel, policy, layout, hosts, machine: hostMachine });
        return withJournal(world, given, "write", async (journal) => {
          await createContext(journal, name, created, callerOf(world, given.actor));
          const guest = guestOf(created);
          answer(world, given, { context: name, profile, policy, kernel, ...(guest === null ? {} : { guest }) }, () =>
            createdText(name, profile, kernel),
          );
          return 0;
        });
      }),
    );
}

function createdText(name: string, profile: string, kernel: string | null): string {
  return `${name}: ${profile}${kernel === null ? "" : `, kernel ${kernel}`}. ioasis apply ${name} takes commands`;
}
