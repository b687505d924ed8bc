/** Who uses the objects that hold no mappings, and what goes with them (main.c: iommufd_object_remove). */
import type { DeviceName, IoasEvent } from "../events.ts";
import type { ContextState, IommufdObject } from "../state.ts";

/** The references of the kernel's `users` count: of other objects, and of an open file. */
export function isObjectUsed(state: ContextState, id: number, object: IommufdObject): boolean {
  switch (object.kind) {
    case "fault":
      return object.isOpen || state.hwpts.some((hwpt) => hwpt?.fault === id);
    case "veventq":
      return object.isOpen;
    case "viommu":
      return [...state.objects.values()].some((other) => belongsTo(other, id)) || hasTables(state, id);
    default:
      return false;
  }
}

/** iommufd_hw_queue_destroy: its access goes first, and with it the lock on the guest's queue. */
export function destroyOtherEvents(kernelId: number, object: IommufdObject): IoasEvent[] {
  const access = object.kind === "hw-queue" ? [{ type: "AccessClosed", access: object.access } as const] : [];
  return [...access, { type: "IommufdObjectDestroyed", kernelId }];
}

/**
 * device.c iommufd_device_remove_vdev: a vDEVICE goes with its device, but its id stays taken until the
 * fd is closed (iommufd_object_tombstone_user), so that nobody else's object answers to it.
 */
export function leakVdeviceEvents(state: ContextState, device: DeviceName): IoasEvent[] {
  const events: IoasEvent[] = [];
  for (const [kernelId, object] of state.objects)
    if (object.kind === "vdevice" && object.device === device)
      events.push({ type: "IommufdObjectDestroyed", kernelId, isLeaked: true });
  return events;
}

function belongsTo(object: IommufdObject, viommu: number): boolean {
  return "viommu" in object && object.viommu === viommu;
}

function hasTables(state: ContextState, viommu: number): boolean {
  return state.hwpts.some((hwpt) => hwpt?.viommu === viommu);
}
