/** A stamp as a number that can be compared with others of its clock. */
import { ticksAt } from "../decimal.ts";
import type { Recorded } from "../events.ts";

export interface Reading {
  readonly clock: string;
  readonly nanoseconds: bigint;
}

/** Null: the event has no time. */
export function readingOf({ stamp }: Recorded): Reading | null {
  return stamp === null ? null : { clock: stamp.clock, nanoseconds: ticksAt(stamp, 9) };
}
