import {
  type Demand,
  demandOfLayout,
  demandOfState,
  type HostProfile,
  hostsFromJson,
  IoasisError,
  layoutFromJson,
  type Needs,
  precheck,
  precheckToJson,
} from "@ioasis/core";
import { spacesOf, versionAt } from "@ioasis/history";
import type { Command } from "commander";
import { answer, command, narrowed, run, type Shell } from "../command.ts";
import { precheckText } from "../format/precheck-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import { inFile, jsonOf } from "../json-file.ts";
import type { MomentOptions, World } from "../world.ts";
import { wholeNumber } from "./layout.ts";

interface Options extends MomentOptions {
  readonly layout?: string;
  readonly host: readonly string[];
  readonly hostDevice?: readonly string[];
  readonly needsPasid?: number;
  readonly needsDirtyTracking?: boolean;
}

export function precheckCommand(shell: Shell): Command {
  const { world } = shell;
  return narrowed(
    command(
      "precheck (--layout FILE | --at V) --host FILE...",
      "Does a guest's layout, or a space as it is, fit these hosts? exit 1 when not",
    ),
  )
    .option("--layout <file>", "what `ioasis layout --json` printed")
    .option("--at <moment>", "the spaces of a context: version, @TIME, @CLOCK:SECONDS or a bookmark's name")
    .requiredOption("--host <file...>", "what `ioasis host --json` printed, or a person wrote; one profile or a list")
    .option("--host-device <bdf...>", "only these devices of the hosts: those that the guest will be given")
    .option("--needs-pasid <bits>", "the guest will use PASIDs of this width", wholeNumber)
    .option("--needs-dirty-tracking", "the IOMMU must track dirty pages")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        const hosts = await hostsOf(given.host);
        const check = (demand: Demand): 0 | 1 => {
          const report = precheck(demand, hosts, given.hostDevice === undefined ? {} : { devices: given.hostDevice });
          for (const { host, notes } of report.hosts)
            for (const note of notes) world.err(`ioasis: host ${host}: ${note}\n`);
          answer(world, given, precheckToJson(report), () => precheckText(report));
          return report.fits ? 0 : 1;
        };
        if (given.layout === undefined) return withSpaces(world, given, check);
        if (given.at !== undefined)
          throw new IoasisError("ERR_USAGE", "--layout and --at: what is to be checked? give one of them");
        return check(demandOfLayout(layoutFromJson(await jsonOf(given.layout)), needsOf(given)));
      }),
    );
}

function withSpaces(world: World, options: Options, check: (demand: Demand) => 0 | 1): Promise<0 | 1 | 2 | 3> {
  if (options.at === undefined && options.context === undefined)
    throw new IoasisError("ERR_USAGE", "what is to be checked? give --layout FILE, or --at VERSION of a context");
  return withJournal(world, options, "read", async (journal) => {
    const { name } = chooseContext(journal, options);
    const state = journal.state(name, versionAt(journal, name, options.at));
    const chosen = spacesOf(state, options);
    const spaces = state.liveSpaces.filter(({ handle }) => chosen === null || chosen.has(handle));
    return check(demandOfState(state, spaces, needsOf(options)));
  });
}

function needsOf({ needsPasid, needsDirtyTracking }: Options): Needs {
  return {
    ...(needsPasid === undefined ? {} : { pasidBits: needsPasid }),
    ...(needsDirtyTracking === true ? { dirtyTracking: true } : {}),
  };
}

async function hostsOf(files: readonly string[]): Promise<HostProfile[]> {
  const hosts: HostProfile[] = [];
  for (const file of files) {
    const value = await jsonOf(file);
    hosts.push(...inFile(file, () => hostsFromJson(value)));
  }
  return hosts;
}
