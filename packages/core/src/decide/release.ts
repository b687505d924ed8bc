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
export function detachEvents(state: ContextState, from: Attachment, gone: readonly Attachment[] = []): IoasEvent[] {
  const detached: IoasEvent = { type: "DeviceDetached", device: from.device, pasid: from.pasid };
  return [detached, ...releaseEvents(state, from, null, gone)];
}

/**
 * What the device held in its old place and does not hold in the new one, the ioas `to`. Only the attachment
 * without a PASID reserves. `gone`: attachments that the same call has taken away before this one.
 */
export function releaseEvents(
  state: ContextState,
  from: Attachment,
  to: IoasHandle | null,
  gone: readonly Attachment[] = [],
): IoasEvent[] {
  const { ioas, pasid, device } = from;
  const events =
    ioas === null || ioas === to || pasid !== null ? [] : unreserveEvents(state, ioas, deviceOwner(device));
  const hwpt = from.hwpt === null ? undefined : state.hwpts[from.hwpt];
  if (hwpt?.auto && isLastUser(state, hwpt, [from, ...gone])) events.push(...destroyHwptEvents(state, hwpt));
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

function isLastUser(state: ContextState, hwpt: Hwpt, users: readonly Attachment[]): boolean {
  return ![...state.attachments.values()].some((other) => !users.includes(other) && other.hwpt === hwpt.handle);
}
