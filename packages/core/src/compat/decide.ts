/**
 * The profile `iommufd-vfio-compat`: the calls of a VFIO container on an iommufd (vfio_compat.c). From source,
 * not refereed. They act on one ioas of the context, the one that VFIO_IOAS names; iommufd's own calls may use
 * it at the same time. Their commands are those of type1, whose container this file stands in for.
 */
import { unreachable } from "../assert.ts";
import { callRefused, type Outcome, type Refusal } from "../decide/outcome.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState } from "../state.ts";
import type { Type1Command } from "../type1/commands.ts";
import { checkExtension, joinGroup, setIommu } from "./container-calls.ts";
import { mapDma } from "./map-dma.ts";
import { queryInfo } from "./query-info.ts";
import { unmapDma } from "./unmap-dma.ts";

/** The calls of type1 that the container answers, and SET_CONTAINER, by which a group joins it. */
export type CompatCommand = Extract<
  Type1Command,
  {
    command:
      | "QueryApiVersion"
      | "CheckExtension"
      | "SetIommu"
      | "SetContainer"
      | "QueryInfo"
      | "MapDma"
      | "UnmapDma"
      | "UseDirtyPages"
      | "UnknownCall";
  }
>;

const API_VERSION = 0;
const NO_CALL: Refusal = { errno: "ENOTTY", rule: "iommufd_vfio_ioctl: no such call" };

type OutOf<Decider extends (...inputs: never[]) => Outcome<unknown>> =
  ReturnType<Decider> extends Outcome<infer Out> ? Out : never;

/** What the kernel returns or writes back for each command. */
export interface CompatOutputs {
  readonly QueryApiVersion: { readonly version: number };
  readonly CheckExtension: OutOf<typeof checkExtension>;
  readonly SetIommu: OutOf<typeof setIommu>;
  readonly SetContainer: OutOf<typeof joinGroup>;
  readonly QueryInfo: OutOf<typeof queryInfo>;
  readonly MapDma: OutOf<typeof mapDma>;
  readonly UnmapDma: OutOf<typeof unmapDma>;
  readonly UseDirtyPages: never;
  readonly UnknownCall: never;
}

export function decideCompat<Name extends CompatCommand["command"]>(
  state: ContextState,
  command: Extract<CompatCommand, { command: Name }>,
  profile: KernelProfile,
  environment: Environment,
): Outcome<CompatOutputs[Name]>;
export function decideCompat(
  state: ContextState,
  command: CompatCommand,
  profile: KernelProfile,
  environment: Environment,
): Outcome<unknown> {
  switch (command.command) {
    case "QueryApiVersion":
      return { errno: null, rule: null, events: [], out: { version: API_VERSION } };
    case "CheckExtension":
      return checkExtension(state, command, environment);
    case "SetIommu":
      return setIommu(state, command, environment);
    case "SetContainer":
      return joinGroup(state);
    case "QueryInfo":
      return queryInfo(state, command, environment);
    case "MapDma":
      return mapDma(state, command, profile, environment);
    case "UnmapDma":
      return unmapDma(state, command, environment);
    case "UseDirtyPages":
      return callRefused("VFIO_IOMMU_DIRTY_PAGES", NO_CALL);
    case "UnknownCall":
      return callRefused("ioctl", NO_CALL);
    default:
      return unreachable(command);
  }
}
