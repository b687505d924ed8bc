/** Events that change what a space has mapped, and where. */
import { assert } from "../assert.ts";
import type { IoasHandle } from "../events.ts";
import type { Moment } from "./moment.ts";

/** All of them but IoasDestroyed, which takes everything along, have a place. */
export const PLACE_TYPES = ["IovaMapped", "IovaUnmapped", "WindowRemoved", "IoasDestroyed"] as const;

export interface Place {
  readonly ioas: IoasHandle;
  readonly first: bigint;
  readonly last: bigint;
}

export function placeOf(moment: Moment): Place {
  if (moment.type !== "WindowRemoved") return moment;
  const { event } = moment.recorded;
  assert(event.type === "WindowRemoved", "the column and the record are of one event");
  return { ioas: event.ioas, first: event.iova, last: event.last };
}

/** The space that the event destroys, else null. */
export function destroyedBy(moment: Moment): IoasHandle | null {
  if (moment.type !== "IoasDestroyed") return null;
  const { event } = moment.recorded;
  return event.type === "IoasDestroyed" ? event.ioas : null;
}
