/** The model of the kernel: what a call would come to in this state. Pure; `evolve` folds the events. */
import { unreachable } from "../assert.ts";
import type { Command } from "../commands.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState } from "../state.ts";
import { createAccess, replaceAccess, unpinAccess } from "./access.ts";
import { accessMemory, pinAccess } from "./access-pages.ts";
import { allocHwQueue } from "./alloc-hw-queue.ts";
import { allocHwpt } from "./alloc-hwpt.ts";
import { allocIoas } from "./alloc-ioas.ts";
import { allocVdevice, allocViommu } from "./alloc-viommu.ts";
import { allowIovas } from "./allow-iovas.ts";
import { copyIova } from "./copy-iova.ts";
import { destroyObject } from "./destroy-object.ts";
import { getDirtyBitmap, setDirtyTracking } from "./dirty-tracking.ts";
import { allocFaultQueue, allocVeventQueue, closeQueueFile } from "./event-queues.ts";
import { frameRefusal } from "./frame.ts";
import { invalidateHwpt } from "./invalidate-hwpt.ts";
import { changeProcess, mapFile } from "./map-file.ts";
import { mapIova } from "./map-iova.ts";
import { createMockDevice, replaceMockDevice } from "./mock-device.ts";
import { checkMockMap, markMockDirty } from "./mock-page-table.ts";
import { callRefused, type Outcome } from "./outcome.ts";
import { queryHwInfo } from "./query-hw-info.ts";
import { queryIovaRanges } from "./query-iova-ranges.ts";
import { reserveIova } from "./reserve-iova.ts";
import { unmapIova } from "./unmap-iova.ts";
import { useOption } from "./use-option.ts";
import { attachVfioDevice, bindVfioDevice, detachVfioDevice } from "./vfio-device.ts";
import { useVfioIoas } from "./vfio-ioas.ts";

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
  readonly AllocHwpt: OutOf<typeof allocHwpt>;
  readonly SetDirtyTracking: OutOf<typeof setDirtyTracking>;
  readonly GetDirtyBitmap: OutOf<typeof getDirtyBitmap>;
  readonly QueryHwInfo: OutOf<typeof queryHwInfo>;
  readonly MapFile: OutOf<typeof mapFile>;
  readonly ChangeProcess: OutOf<typeof changeProcess>;
  readonly UseVfioIoas: OutOf<typeof useVfioIoas>;
  readonly BindVfioDevice: OutOf<typeof bindVfioDevice>;
  readonly AttachVfioDevice: OutOf<typeof attachVfioDevice>;
  readonly DetachVfioDevice: OutOf<typeof detachVfioDevice>;
  readonly CreateAccess: OutOf<typeof createAccess>;
  readonly ReplaceAccess: OutOf<typeof replaceAccess>;
  readonly UnpinAccess: OutOf<typeof unpinAccess>;
  readonly PinAccess: OutOf<typeof pinAccess>;
  readonly AccessMemory: OutOf<typeof accessMemory>;
  readonly CheckMockMap: OutOf<typeof checkMockMap>;
  readonly MarkMockDirty: OutOf<typeof markMockDirty>;
  readonly AllocFaultQueue: OutOf<typeof allocFaultQueue>;
  readonly CloseQueueFile: OutOf<typeof closeQueueFile>;
  readonly AllocViommu: OutOf<typeof allocViommu>;
  readonly AllocVdevice: OutOf<typeof allocVdevice>;
  readonly AllocVeventQueue: OutOf<typeof allocVeventQueue>;
  readonly AllocHwQueue: OutOf<typeof allocHwQueue>;
  readonly InvalidateHwpt: OutOf<typeof invalidateHwpt>;
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
  const refusal = frameRefusal(command, profile);
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
    case "AllocHwpt":
      return allocHwpt(state, command, profile, environment);
    case "SetDirtyTracking":
      return setDirtyTracking(state, command);
    case "GetDirtyBitmap":
      return getDirtyBitmap(state, command, profile, environment);
    case "QueryHwInfo":
      return queryHwInfo(state, command, profile, environment);
    case "MapFile":
      return mapFile(state, command, profile, environment);
    case "ChangeProcess":
      return changeProcess(state, command, profile);
    case "UseVfioIoas":
      return useVfioIoas(state, command);
    case "BindVfioDevice":
      return bindVfioDevice(state, command, environment);
    case "AttachVfioDevice":
      return attachVfioDevice(state, command, profile, environment);
    case "DetachVfioDevice":
      return detachVfioDevice(state, command, profile);
    case "CreateAccess":
      return createAccess(state, command, environment);
    case "ReplaceAccess":
      return replaceAccess(state, command, environment);
    case "UnpinAccess":
      return unpinAccess(state, command, environment);
    case "PinAccess":
      return pinAccess(state, command, environment);
    case "AccessMemory":
      return accessMemory(state, command, environment);
    case "CheckMockMap":
      return checkMockMap(state, command, profile, environment);
    case "MarkMockDirty":
      return markMockDirty(state, command, profile);
    case "AllocFaultQueue":
      return allocFaultQueue(state, command);
    case "CloseQueueFile":
      return closeQueueFile(state, command);
    case "AllocViommu":
      return allocViommu(state, command, environment);
    case "AllocVdevice":
      return allocVdevice(state, command, environment);
    case "AllocVeventQueue":
      return allocVeventQueue(state, command);
    case "AllocHwQueue":
      return allocHwQueue(state, command, environment);
    case "InvalidateHwpt":
      return invalidateHwpt(state, command, profile, environment);
    default:
      return unreachable(command);
  }
}
