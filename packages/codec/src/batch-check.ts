/** Whether the columns of a batch agree with each other and with its dictionaries. */
import {
  type Actor,
  type ClockColumn,
  ERRNOS,
  EVENT_TYPES,
  type EventBatch,
  SOURCE_KINDS,
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
} from "@ioasis/core";
import { type Check, HANDLE_MAX, number, orNull, recordProblem, text } from "./checks.ts";
import { coldProblem } from "./cold-fields.ts";
import { isRun } from "./event-check.ts";
import { halves } from "./row-classes.ts";

const id = orNull(number);
const ACTOR: Readonly<Record<keyof Actor, Check>> = {
  comm: orNull(text),
  pid: id,
  tid: id,
  cpu: id,
  flags: orNull(text),
};
const CLOCK: Readonly<Record<keyof ClockColumn, Check>> = {
  clock: text,
  decimals: (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= DECIMALS_MAX,
};
/** Ticks are 64 bits: 10^18 is the largest power of ten among them. */
const DECIMALS_MAX = 18;

/** What the first bad row is and why, or null: a batch that passes can be folded without surprise. */
export function batchProblem(batch: EventBatch): string | null {
  for (const actor of batch.actors) {
    const problem = recordProblem(actor, ACTOR);
    if (problem !== null) return `actor: ${problem}`;
  }
  for (const clock of batch.clocks) {
    const problem = recordProblem(clock, CLOCK);
    if (problem !== null) return `clock: ${problem}`;
  }
  for (const runs of batch.runs) if (!runs.every(isRun)) return "a run is out of range";
  const iova = halves(batch.iova);
  const last = halves(batch.last);
  for (let row = 0; row < batch.length; row++) {
    const problem = rowProblem(batch, iova, last, row);
    if (problem !== null) return `row ${row}: ${problem}`;
  }
  return null;
}

function rowProblem(batch: EventBatch, iova: Uint32Array, last: Uint32Array, row: number): string | null {
  const type = batch.type[row] as number;
  const extra = batch.extra[row] as number;
  const ioas = batch.ioas[row] as number;
  if (type >= EVENT_TYPES.length) return `event type ${type} is unknown`;
  if ((batch.errno[row] as number) >= ERRNOS.length) return `errno code ${batch.errno[row]} is unknown`;
  if ((batch.actor[row] as number) > batch.actors.length) return `actor ${batch.actor[row]} of ${batch.actors.length}`;
  if ((batch.clock[row] as number) > batch.clocks.length) return `clock ${batch.clock[row]} of ${batch.clocks.length}`;
  if (ioas < -1 || ioas > HANDLE_MAX) return `ioas ${ioas} is not within 0 ... ${HANDLE_MAX}`;
  if (type > TYPE_UNMAP_REFUSED)
    return extra < 0 || extra >= batch.colds.length
      ? `record ${extra} of ${batch.colds.length}`
      : coldProblem(batch.colds[extra], type);
  const isMap = type === TYPE_MAPPED || type === TYPE_MAP_REFUSED;
  if (isMap && (((batch.traits[row] as number) >> 2) & 0xf) >= SOURCE_KINDS.length) return "source kind is unknown";
  if (extra < -1 || extra >= (isMap ? batch.runs.length : 0)) return `runs ${extra} of ${batch.runs.length}`;
  if (type > TYPE_UNMAPPED) return null;
  if (ioas < 0) return "it names no ioas";
  const at = 2 * row;
  const firstHigh = iova[at + 1] as number;
  const lastHigh = last[at + 1] as number;
  const isBackward = firstHigh === lastHigh ? (last[at] as number) < (iova[at] as number) : lastHigh < firstHigh;
  return isBackward ? "its range ends before it begins" : null;
}
