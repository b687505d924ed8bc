/** What goes when a device leaves an ioas (device.c: iommufd_device_detach, iommufd_hw_pagetable_put). */
import type { DeviceName, HwptHandle, IoasEvent, IoasHandle } from "../events.ts";
import type { Attachment, ContextState, Hwpt } from "../state.ts";

export function deviceOwner(device: DeviceName): string {
  return `device:${device}`;
}

export function hwptOwner(hwpt: HwptHandle): string {
  return `hwpt:${hwpt}`;
}

/** The device lets go of what it was attached to, with nothing in its place. */
export function detachEvents(state: ContextState, from: Attachment): IoasEvent[] {
  return [{ type: "DeviceDetached", device: from.device, pasid: from.pasid }, ...releaseEvents(state, from, null)];
}

/** What the device held in its old place and does not hold in the new one, the ioas `to`. */
export function releaseEvents(state: ContextState, from: Attachment, to: IoasHandle | null): IoasEvent[] {
  const events =
    from.ioas === null || from.ioas === to ? [] : unreserveEvents(state, from.ioas, deviceOwner(from.device));
  const hwpt = from.hwpt === null ? undefined : state.hwpts[from.hwpt];
  if (hwpt?.auto && isLastUser(state, hwpt, from)) events.push(...destroyHwptEvents(state, hwpt));
  return events;
}

/** The page table goes, and with it the limits of its aperture (io_pagetable.c: iopt_table_remove_domain). */
export function destroyHwptEvents(state: ContextState, hwpt: Hwpt): IoasEvent[] {
  const events = unreserveEvents(state, hwpt.ioas, hwptOwner(hwpt.handle));
  return [...events, { type: "HwptDestroyed", hwpt: hwpt.handle }];
}

function unreserveEvents(state: ContextState, ioas: IoasHandle, owner: string): IoasEvent[] {
  const owns = state.spaces[ioas]?.reservations.some((reservation) => reservation.owner === owner) ?? false;
  return owns ? [{ type: "IovaUnreserved", ioas, owner }] : [];
}

function isLastUser(state: ContextState, hwpt: Hwpt, user: Attachment): boolean {
  return ![...state.attachments.values()].some((other) => other !== user && other.hwpt === hwpt.handle);
}
