import {
  type ContextState,
  callOf,
  demandOfState,
  IoasisError,
  type Plan,
  type ProfileName,
  planOf,
  precheck,
  precheckToJson,
  processPlanOf,
} from "@ioasis/core";
import { areaToJson, spacesOf, versionAt } from "@ioasis/history";
import type { ContextInfo } from "@ioasis/store";
import type { Command } from "commander";
import { answer, answerLines, command, narrowed, run, type Shell } from "../command.ts";
import { planText, processText } from "../format/plan-text.ts";
import { precheckText } from "../format/precheck-text.ts";
import { chooseContext, withJournal } from "../journal-choice.ts";
import { hostsOf } from "../json-file.ts";
import type { ExitCode, MomentOptions, World } from "../world.ts";

interface Options extends MomentOptions {
  readonly for?: string;
  readonly hostDevice?: readonly string[];
  readonly sameHost?: boolean;
}

export function planCommand(shell: Shell): Command {
  const { world } = shell;
  return narrowed(
    command(
      "plan [--at V] [--for HOST | --same-host]",
      "The calls that rebuild the spaces elsewhere, in order; exit 1 when the host or the process cannot take them",
    ),
  )
    .option("--at <moment>", "as it was at: version, @TIME, @CLOCK:SECONDS or a bookmark's name (default: the newest)")
    .option(
      "--for <file>",
      "check this host's profile first (what `ioasis host --json` printed); no plan when it does not fit",
    )
    .option("--host-device <bdf...>", "of that host only these devices: those that the guest will be given")
    .option("--same-host", "the process alone is replaced (QEMU CPR): is every mapping of a file?")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        checkUsage(given);
        return withJournal(world, given, "read", async (journal) => {
          const info = chooseContext(journal, given);
          const state = journal.state(info.name, versionAt(journal, info.name, given.at));
          return given.sameHost === true ? sameHost(world, given, info, state) : elsewhere(world, given, info, state);
        });
      }),
    );
}

function checkUsage({ sameHost, for: host, ioas, device, hostDevice }: Options): void {
  if (sameHost === true && host !== undefined)
    throw new IoasisError("ERR_USAGE", "--for and --same-host: another host, or the same? give one of them");
  if (sameHost === true && (ioas !== undefined || device !== undefined))
    throw new IoasisError(
      "ERR_USAGE",
      "--same-host is of all spaces at once, as the call is: leave --ioas and --device out",
    );
  if (hostDevice !== undefined && host === undefined)
    throw new IoasisError("ERR_USAGE", "--host-device names devices of the host given with --for: give that too");
}

async function elsewhere(
  world: World,
  options: Options,
  { profile }: ContextInfo,
  state: ContextState,
): Promise<ExitCode> {
  const spaces = spacesOf(state, options);
  const plan = planOf(state, { profile, spaces });
  if (options.for !== undefined) {
    const hosts = await hostsOf([options.for]);
    const chosen = state.liveSpaces.filter(({ handle }) => spaces === null || spaces.has(handle));
    const { hostDevice } = options;
    const report = precheck(
      demandOfState(state, chosen),
      hosts,
      hostDevice === undefined ? {} : { devices: hostDevice },
    );
    if (!report.fits) {
      answer(world, options, precheckToJson(report), () => precheckText(report));
      return 1;
    }
    for (const { host, unknown } of report.hosts)
      for (const what of unknown) world.err(`ioasis: host ${host}: not told: ${what}\n`);
    world.err(`ioasis: ${dialectNote(plan, profile)}\n`);
  }
  for (const note of plan.notes) world.err(`ioasis: ${note}\n`);
  answerLines(world, options, calls(plan), () => planText(plan));
  return 0;
}

/** The host's profile says what fits, not which driver the VMM opens there. */
function dialectNote({ dialect }: Plan, profile: ProfileName): string {
  return `The calls are those of ${dialect}, because the context's profile is ${profile}: the VMM opens that driver on the other host too.`;
}

/** One at a time: a plan may have millions. */
function* calls({ steps, dialect }: Plan): Generator<unknown> {
  for (const step of steps) yield callOf(step, dialect);
}

function sameHost(world: World, options: Options, { profile }: ContextInfo, state: ContextState): ExitCode {
  const plan = processPlanOf(state, profile);
  const { isPossible, mappings, unfiled, unknown } = plan;
  const json = {
    possible: isPossible,
    mappings,
    calls: isPossible ? [{ call: "IOMMU_IOAS_CHANGE_PROCESS" }] : [],
    unfiled: unfiled.map(({ ioas, area }) => areaToJson(area, ioas)),
    unknown,
  };
  answer(world, options, json, () => processText(plan));
  return isPossible ? 0 : 1;
}
