/** Events that change what a space has mapped or who translates through it, and where. */
import type { DeviceName, IoasHandle } from "../events.ts";
import type { Moment } from "./moment.ts";

/** Of these, all but IoasDestroyed, which takes everything along, have a place. */
export const PLACE_TYPES = ["IovaMapped", "IovaUnmapped", "WindowRemoved", "IoasDestroyed"] as const;

export interface Place {
  readonly ioas: IoasHandle;
  readonly first: bigint;
  readonly last: bigint;
}

/** Null: the event has none. */
export function placeOf(moment: Moment): Place | null {
  if (moment.type === "IovaMapped" || moment.type === "IovaUnmapped") return moment;
  if (moment.type !== "WindowRemoved") return null;
  const { event } = moment.recorded;
  return event.type === "WindowRemoved" ? { ioas: event.ioas, first: event.iova, last: event.last } : null;
}

/** The space that the event destroys, else null. */
export function destroyedBy(moment: Moment): IoasHandle | null {
  if (moment.type !== "IoasDestroyed") return null;
  const { event } = moment.recorded;
  return event.type === "IoasDestroyed" ? event.ioas : null;
}

/** The device that the event attaches, and to which space; null: it attaches none, or does not tell where. */
export function attachOf(moment: Moment): { readonly ioas: IoasHandle; readonly device: DeviceName } | null {
  if (moment.type !== "DeviceAttached") return null;
  const { event } = moment.recorded;
  return event.type === "DeviceAttached" && event.ioas !== null ? { ioas: event.ioas, device: event.device } : null;
}
