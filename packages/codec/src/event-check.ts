/** Whether an event can be stored, asked before it enters a batch. */
import { EVENT_TYPES, type IoasEvent, type RangeFact, type Run, type Stamp, U64_MAX } from "@ioasis/core";
import { HANDLE_MAX } from "./checks.ts";
import { coldProblem } from "./cold-fields.ts";

const TICKS_MAX = (1n << 63n) - 1n;
const TICKS_MIN = -TICKS_MAX;
const DECIMALS_MAX = 18;

/**
 * What no reader would take of `event` and its stamp, or null. `encodeBlock` refuses a whole block
 * for one such event; a recording has it as a line among others.
 */
export function eventProblem(event: IoasEvent, stamp: Stamp | null): string | null {
  if (isLate(stamp)) return LATE;
  switch (event.type) {
    case "IovaMapped":
      return event.last < event.iova ? BACKWARD : (spaceProblem(event.ioas) ?? runsProblem(event.source.runs));
    case "IovaUnmapped":
      return event.last < event.iova ? BACKWARD : spaceProblem(event.ioas);
    case "MapRefused":
      return spaceProblem(event.ioas ?? 0) ?? runsProblem(event.source.runs);
    case "UnmapRefused":
      return spaceProblem(event.ioas ?? 0);
    default:
      return coldProblem(event, EVENT_TYPES.indexOf(event.type));
  }
}

/** The same of the event that `range` stands for. */
export function rangeProblem({ iova, last, stamp }: RangeFact): string | null {
  if (isLate(stamp)) return LATE;
  return last < iova ? BACKWARD : null;
}

function isLate(stamp: Stamp | null): boolean {
  return stamp !== null && (stamp.ticks > TICKS_MAX || stamp.ticks < TICKS_MIN || stamp.decimals > DECIMALS_MAX);
}

const LATE = "its time is out of range";
const BACKWARD = "its range ends before it begins";

function spaceProblem(ioas: number): string | null {
  return ioas > HANDLE_MAX ? `more than ${HANDLE_MAX + 1} spaces in one context` : null;
}

function runsProblem(runs: readonly Run[] | undefined): string | null {
  if (runs === undefined || runs.every(isRun)) return null;
  return "a physical run is out of range";
}

export function isRun({ iova, paddr, length }: Run): boolean {
  return iova >= 0n && paddr >= 0n && length > 0n && iova + length - 1n <= U64_MAX && paddr + length - 1n <= U64_MAX;
}
