/** The model of the kernel: what a call would come to in this state. Pure; `evolve` folds the events. */
import { unreachable } from "../assert.ts";
import type { Command } from "../commands.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState } from "../state.ts";
import { allocIoas } from "./alloc-ioas.ts";
import { allowIovas } from "./allow-iovas.ts";
import { copyIova } from "./copy-iova.ts";
import { destroyObject } from "./destroy-object.ts";
import { frameRefusal } from "./frame.ts";
import { mapIova } from "./map-iova.ts";
import { createMockDevice, replaceMockDevice } from "./mock-device.ts";
import { callRefused, type Outcome } from "./outcome.ts";
import { queryIovaRanges } from "./query-iova-ranges.ts";
import { reserveIova } from "./reserve-iova.ts";
import { unmapIova } from "./unmap-iova.ts";
import { useOption } from "./use-option.ts";

/** What the kernel writes back for each command. */
export interface Outputs {
  readonly AllocIoas: OutOf<typeof allocIoas>;
  readonly DestroyObject: OutOf<typeof destroyObject>;
  readonly AllowIovas: OutOf<typeof allowIovas>;
  readonly QueryIovaRanges: OutOf<typeof queryIovaRanges>;
  readonly MapIova: OutOf<typeof mapIova>;
  readonly CopyIova: OutOf<typeof copyIova>;
  readonly UnmapIova: OutOf<typeof unmapIova>;
  readonly UseOption: OutOf<typeof useOption>;
  readonly ReserveIova: OutOf<typeof reserveIova>;
  readonly CreateMockDevice: OutOf<typeof createMockDevice>;
  readonly ReplaceMockDevice: OutOf<typeof replaceMockDevice>;
}

type OutOf<Decider extends (...inputs: never[]) => Outcome<unknown>> =
  ReturnType<Decider> extends Outcome<infer Out> ? Out : never;

export function decide<Name extends Command["command"]>(
  state: ContextState,
  command: Extract<Command, { command: Name }>,
  profile: KernelProfile,
  environment: Environment,
): Outcome<Outputs[Name]>;
export function decide(
  state: ContextState,
  command: Command,
  profile: KernelProfile,
  environment: Environment,
): Outcome<unknown> {
  const refusal = frameRefusal(command);
  if (refusal !== null) return callRefused(command.command, refusal);
  switch (command.command) {
    case "AllocIoas":
      return allocIoas(state, command);
    case "DestroyObject":
      return destroyObject(state, command);
    case "AllowIovas":
      return allowIovas(state, command);
    case "QueryIovaRanges":
      return queryIovaRanges(state, command, environment);
    case "MapIova":
      return mapIova(state, command, profile, environment);
    case "CopyIova":
      return copyIova(state, command, environment);
    case "UnmapIova":
      return unmapIova(state, command);
    case "UseOption":
      return useOption(state, command, environment);
    case "ReserveIova":
      return reserveIova(state, command);
    case "CreateMockDevice":
      return createMockDevice(state, command, profile, environment);
    case "ReplaceMockDevice":
      return replaceMockDevice(state, command, environment);
    default:
      return unreachable(command);
  }
}
