import {
  type ContextCreated,
  contextCreated,
  guestOf,
  IMPLEMENTATIONS,
  IoasisError,
  kernelOf,
  MODELLED_PROFILES,
  type NamedEndpoint,
  POLICIES,
  type ProfileName,
} from "@ioasis/core";
import { createContext } from "@ioasis/store";
import { type Command, InvalidArgumentError, Option } from "commander";
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
  readonly implementation?: string;
  readonly endpoint?: readonly NamedEndpoint[];
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
    .addOption(
      new Option("--implementation <name>", "virtio-iommu: whose device answers").choices([...IMPLEMENTATIONS]),
    )
    .option(
      "--endpoint <endpoint...>",
      "virtio-iommu: the guest's endpoints: NUMBER=DEVICE of a host, or NUMBER, emulated (default: the hosts' devices)",
      namedEndpoint,
    )
    .option("--actor <name>", "whom the events name (default: the user)")
    .action((name: string, options: Options) =>
      run(shell, options, async (given) => {
        const created = await createdBy(given);
        const { profile, policy, kernel } = created;
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

async function createdBy(given: Options): Promise<ContextCreated> {
  const { profile, policy = null, hostMachine = null, implementation, endpoint: endpoints } = given;
  const isGuestSide = profile === "virtio-iommu";
  const kernel = kernelOf(profile, given.kernel ?? null);
  if (given.layout !== undefined && policy === null && !isGuestSide)
    throw new IoasisError("ERR_USAGE", "--layout: nobody would hold the guest to it: give --policy too");
  if (!isGuestSide && (implementation !== undefined || endpoints !== undefined))
    throw new IoasisError("ERR_USAGE", `--implementation, --endpoint: profile ${profile} has neither: leave them out`);
  const layout = given.layout === undefined ? null : await jsonOf(given.layout);
  const hosts = (await Promise.all((given.host ?? []).map(jsonOf))).flat();
  return contextCreated({
    profile,
    kernel,
    policy,
    layout,
    hosts,
    machine: hostMachine,
    ...(implementation === undefined ? {} : { implementation }),
    ...(endpoints === undefined ? {} : { endpoints }),
  });
}

/** `24=0000:00:05.0`: an assigned device; `8`: an emulated one. */
function namedEndpoint(text: string, before: readonly NamedEndpoint[] = []): readonly NamedEndpoint[] {
  const [, number, device = null] = /^(0x[\da-f]{1,8}|\d{1,9})(?:=(.+))?$/i.exec(text) ?? [];
  if (number === undefined) throw new InvalidArgumentError("It must be a number, or NUMBER=DEVICE.");
  return [...before, { endpoint: Number(number), device }];
}

function createdText(name: string, profile: string, kernel: string | null): string {
  return `${name}: ${profile}${kernel === null ? "" : `, kernel ${kernel}`}. ioasis apply ${name} takes commands`;
}
