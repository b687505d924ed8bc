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
  if (areRowsRight(batch)) return null;
  for (let row = 0; row < batch.length; row++) {
    const problem = rowProblem(batch, row);
    if (problem !== null) return `row ${row}: ${problem}`;
  }
  return null;
}

/** Whether no row has a problem: all of `rowProblem` in one pass that makes nothing. */
function areRowsRight(batch: EventBatch): boolean {
  const { type, errno, actor, clock, ioas, extra, traits, length } = batch;
  const iova = halves(batch.iova);
  const last = halves(batch.last);
  const actors = batch.actors.length;
  const clocks = batch.clocks.length;
  const runs = batch.runs.length;
  let errnoMax = 0;
  for (let row = 0; row < length; row++) {
    const code = type[row] as number;
    const index = extra[row] as number;
    const handle = ioas[row] as number;
    if ((errno[row] as number) > errnoMax) errnoMax = errno[row] as number;
    if ((actor[row] as number) > actors || (clock[row] as number) > clocks) return false;
    if (handle < -1 || handle > HANDLE_MAX) return false;
    if (code > TYPE_UNMAP_REFUSED) {
      if (rowProblem(batch, row) !== null) return false;
      continue;
    }
    const isMap = code === TYPE_MAPPED || code === TYPE_MAP_REFUSED;
    if (isMap && (((traits[row] as number) >> 2) & 0xf) >= SOURCE_KINDS.length) return false;
    if (index < -1 || index >= (isMap ? runs : 0)) return false;
    if (code > TYPE_UNMAPPED) continue;
    if (handle < 0) return false;
    const firstHigh = iova[2 * row + 1] as number;
    const lastHigh = last[2 * row + 1] as number;
    if (firstHigh > lastHigh || (firstHigh === lastHigh && (iova[2 * row] as number) > (last[2 * row] as number)))
      return false;
  }
  return errnoMax < ERRNOS.length;
}

/** What is wrong with a row, or null. */
function rowProblem(batch: EventBatch, row: number): string | null {
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
  return (batch.last[row] as bigint) < (batch.iova[row] as bigint) ? "its range ends before it begins" : null;
}
