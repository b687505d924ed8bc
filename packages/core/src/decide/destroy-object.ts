/** IOMMU_DESTROY (main.c: iommufd_destroy, iommufd_object_remove). */
import { unreachable } from "../assert.ts";
import type { DestroyObject } from "../commands.ts";
import type { DeviceName, IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import { destroyOtherEvents, isObjectUsed, leakVdeviceEvents } from "./object-users.ts";
import { isHwptUsed, isIoasUsed, type KernelObject, objectOf } from "./objects.ts";
import { accepted, callRefused, type Outcome, type Refusal } from "./outcome.ts";
import { destroyHwptEvents, detachEvents } from "./release.ts";

const NO_OBJECT: Refusal = { errno: "ENOENT", rule: "iommufd_object_remove: no object has this id" };
const IN_USE: Refusal = { errno: "EBUSY", rule: "iommufd_object_remove: somebody uses the object" };

export function destroyObject(state: ContextState, command: DestroyObject): Outcome<Readonly<Record<never, never>>> {
  const object = objectOf(state, command.id);
  if (object === null) return callRefused("IOMMU_DESTROY", NO_OBJECT);
  if (isUsed(state, object)) return callRefused("IOMMU_DESTROY", IN_USE);
  return accepted({}, destroyEvents(state, object));
}

/** An ioas is not used by its areas. A bound device and an access are used by their drivers until those let go. */
function isUsed(state: ContextState, object: KernelObject): boolean {
  switch (object.kind) {
    case "ioas":
      return isIoasUsed(state, object.space);
    case "hwpt":
      return isHwptUsed(state, object.hwpt.handle);
    case "device":
    case "access":
      return true;
    case "selftest":
      return false;
    case "other":
      return isObjectUsed(state, object.id, object.object);
    default:
      return unreachable(object);
  }
}

export function destroyEvents(state: ContextState, object: KernelObject): readonly IoasEvent[] {
  switch (object.kind) {
    case "ioas":
      return [{ type: "IoasDestroyed", ioas: object.space.handle }];
    case "hwpt":
      return destroyHwptEvents(state, object.hwpt);
    case "selftest":
    case "device":
      return unbindEvents(state, object.device);
    case "access":
      return [{ type: "AccessClosed", access: object.access }];
    case "other":
      return destroyOtherEvents(object.id, object.object);
    default:
      return unreachable(object);
  }
}

/** The driver lets go of the device (device.c: iommufd_device_unbind; selftest.c: iommufd_selftest_destroy). */
export function unbindEvents(state: ContextState, device: DeviceName): IoasEvent[] {
  const attachments = [...state.attachments.values()].filter((attachment) => attachment.device === device);
  // vfio_iommufd_physical_unbind lets go of the PASIDs first.
  attachments.sort((a, b) => (a.pasid ?? Number.MAX_SAFE_INTEGER) - (b.pasid ?? Number.MAX_SAFE_INTEGER));
  const events = attachments.flatMap((attachment, index) =>
    detachEvents(state, attachment, attachments.slice(0, index)),
  );
  return [...events, ...leakVdeviceEvents(state, device), { type: "DeviceUnbound", device }];
}
