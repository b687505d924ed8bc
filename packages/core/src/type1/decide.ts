/** The model of VFIO's group interface with the type1 driver: what a call would come to in this state. Pure. */
import { unreachable } from "../assert.ts";
import type { Type1Command } from "./commands.ts";
import { checkExtension, queryApiVersion, setIommu, unknownCall } from "./container-calls.ts";
import { useDirtyPages } from "./dirty-pages.ts";
import type { Type1Environment } from "./environment.ts";
import { closeFile, openDevice, openGroup, queryGroupStatus, setContainer, unsetContainer } from "./group-calls.ts";
import { mapDma } from "./map-dma.ts";
import { done, type Type1Outcome } from "./outcome.ts";
import { queryInfo } from "./query-info.ts";
import type { Type1State } from "./state.ts";
import { unmapDma } from "./unmap-dma.ts";

/** What the kernel writes back, or returns, for each command. */
export interface Type1Outputs {
  readonly OpenContainer: number;
  readonly OpenGroup: OutOf<typeof openGroup>;
  readonly CloseFile: OutOf<typeof closeFile>;
  readonly QueryApiVersion: OutOf<typeof queryApiVersion>;
  readonly CheckExtension: OutOf<typeof checkExtension>;
  readonly SetIommu: OutOf<typeof setIommu>;
  readonly QueryGroupStatus: OutOf<typeof queryGroupStatus>;
  readonly SetContainer: OutOf<typeof setContainer>;
  readonly UnsetContainer: OutOf<typeof unsetContainer>;
  readonly OpenDevice: OutOf<typeof openDevice>;
  readonly QueryInfo: OutOf<typeof queryInfo>;
  readonly MapDma: OutOf<typeof mapDma>;
  readonly UnmapDma: OutOf<typeof unmapDma>;
  readonly UseDirtyPages: OutOf<typeof useDirtyPages>;
  readonly UnknownCall: never;
}

type OutOf<Decider extends (...inputs: never[]) => Type1Outcome<unknown>> =
  ReturnType<Decider> extends Type1Outcome<infer Out> ? Out : never;

export function decideType1<Name extends Type1Command["command"]>(
  state: Type1State,
  command: Extract<Type1Command, { command: Name }>,
  environment: Type1Environment,
): Type1Outcome<Type1Outputs[Name]>;
export function decideType1(
  state: Type1State,
  command: Type1Command,
  environment: Type1Environment,
): Type1Outcome<unknown> {
  switch (command.command) {
    case "OpenContainer":
      return done(state.containers.length, [{ type: "ContainerOpened" }]);
    case "OpenGroup":
      return openGroup(state, command);
    case "CloseFile":
      return closeFile(state, command, environment);
    case "QueryApiVersion":
      return queryApiVersion(state, command);
    case "CheckExtension":
      return checkExtension(state, command, environment);
    case "SetIommu":
      return setIommu(state, command, environment);
    case "QueryGroupStatus":
      return queryGroupStatus(state, command);
    case "SetContainer":
      return setContainer(state, command, environment);
    case "UnsetContainer":
      return unsetContainer(state, command, environment);
    case "OpenDevice":
      return openDevice(state, command, environment);
    case "QueryInfo":
      return queryInfo(state, command, environment);
    case "MapDma":
      return mapDma(state, command, environment);
    case "UnmapDma":
      return unmapDma(state, command, environment);
    case "UseDirtyPages":
      return useDirtyPages(state, command, environment);
    case "UnknownCall":
      return unknownCall(state, command);
    default:
      return unreachable(command);
  }
}
