/**
 * From what a source names (kernel ids) to what a history names (stable handles).
 *
 * A kernel id is reused after its object is gone, so it means the living object that has it now.
 * A space that no earlier event spoke of gets the next handle; that is itself recorded
 * (`IoasFound`, or in the `DeviceAttached` that names it), so that a later recording of the same
 * guest finds it again.
 */
import type { ContextState, Errno, Hwpt, IoasEvent, IoasHandle, KernelRef, ObservedEvent } from "@ioasis/core";

/** The events that stand for one observed event: itself, after the discovery of its space if need be. */
export function resolve(state: ContextState, event: ObservedEvent, errno: Errno | null): readonly IoasEvent[] {
  switch (event.type) {
    case "IovaMapped":
    case "IovaUnmapped":
    case "WindowCreated":
    case "WindowRemoved":
    case "IoasDestroyed":
    case "IovasAllowed":
    case "IovaReserved":
    case "IovaUnreserved":
    case "LargePagesEnabled":
    case "LargePagesDisabled":
      return withSpace(state, event.ioas, (ioas) => ({ ...event, ioas }));
    case "IoasAllocated":
      return [{ ...event, ioas: state.spaces.length }];
    case "IoasFound":
      return state.spaceOfKernelId(event.kernelId) === null ? [{ ...event, ioas: state.spaces.length }] : [];
    case "MapRefused":
    case "UnmapRefused":
      // ENOENT may mean that there is no such space: then a refusal proves none.
      if (event.ioas !== null && errno !== "ENOENT")
        return withSpace(state, event.ioas, (ioas) => ({ ...event, ioas }));
      return [{ ...event, ioas: state.spaceOfKernelId(event.ioas)?.handle ?? null }];
    case "HwptAllocated":
      return withSpace(state, event.ioas, (ioas) => ({ ...event, ioas, hwpt: state.hwpts.length }));
    case "HwptDestroyed":
      return [{ ...event, hwpt: hwptOf(state, event.hwpt)?.handle ?? state.hwpts.length }];
    case "DirtyTrackingStarted":
    case "DirtyTrackingStopped":
      return [{ ...event, hwpt: hwptOf(state, event.hwpt)?.handle ?? null }];
    case "DeviceAttached":
      return [attached(state, event)];
    case "AccessAttached":
      return event.ioas === null
        ? [{ ...event, ioas: null }]
        : withSpace(state, event.ioas, (ioas) => ({ ...event, ioas }));
    case "VfioIoasSet":
      return [{ ...event, ioas: state.spaceOfKernelId(event.ioas)?.handle ?? null }];
    case "ViommuAllocated":
      return [{ ...event, hwpt: hwptOf(state, event.hwpt)?.handle ?? null }];
    default:
      return [event];
  }
}

function withSpace(state: ContextState, ref: KernelRef, make: (ioas: IoasHandle) => IoasEvent): readonly IoasEvent[] {
  const space = state.spaceOfKernelId(ref);
  if (space !== null) return [make(space.handle)];
  const ioas = state.spaces.length;
  return ref === null ? [make(ioas)] : [{ type: "IoasFound", ioas, kernelId: ref }, make(ioas)];
}

function attached(state: ContextState, event: ObservedEvent & { type: "DeviceAttached" }): IoasEvent {
  const hwpt = hwptOf(state, event.hwpt);
  if (event.ioas === null) return { ...event, ioas: hwpt?.ioas ?? null, hwpt: hwpt?.handle ?? null };
  const space = state.spaceOfKernelId(event.ioas);
  if (space !== null) return { ...event, ioas: space.handle, hwpt: hwpt?.handle ?? null };
  return { ...event, ioas: state.spaces.length, hwpt: hwpt?.handle ?? null, ioasKernelId: event.ioas };
}

function hwptOf(state: ContextState, ref: KernelRef): Hwpt | null {
  return ref === null ? null : state.hwptOfKernelId(ref);
}
