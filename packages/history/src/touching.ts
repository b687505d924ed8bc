/**
 * Finding the rows of a history that have to do with a range of IOVAs.
 *
 * Works on the columns: no event becomes an object before it is known to match.
 */
import {
  type ColdEvent,
  type EventBatch,
  type IoasHandle,
  type Range,
  TYPE_MAP_REFUSED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
} from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import type { Row } from "./event-mark.ts";

export interface Scope {
  readonly range: Range;
  /** Handles; null: every space. An event that names no space always counts. */
  readonly spaces: ReadonlySet<IoasHandle> | null;
  /** Of the rare events: which of them matter beside maps and unmaps, whatever their range. */
  readonly alsoCold?: (event: ColdEvent<IoasHandle>) => boolean;
}

/** Rows of versions `from` ... `to` that touch the scope, oldest first. */
export function* touching(journal: Journal, context: string, scope: Scope, from: number, to: number): Generator<Row> {
  if (to < from) return;
  for (const batch of journal.batches(context, from, to)) {
    const end = Math.min(batch.length, to + 1 - batch.firstVersion);
    for (let row = Math.max(0, from - batch.firstVersion); row < end; row++)
      if (touches(batch, row, scope)) yield { batch, row };
  }
}

/** Rows up to version `to` that touch the scope, newest first: blocks that are not asked for are not decoded. */
export function* touchingBackwards(journal: Journal, context: string, scope: Scope, to: number): Generator<Row> {
  for (const batch of batchesBackwards(journal, context, to))
    for (let row = Math.min(batch.length, to + 1 - batch.firstVersion) - 1; row >= 0; row--)
      if (touches(batch, row, scope)) yield { batch, row };
}

/** Batches that hold versions up to `to`, newest first; the newest may reach beyond. */
export function* batchesBackwards(journal: Journal, context: string, to: number): Generator<EventBatch> {
  for (let next = to; next >= 1; ) {
    const [batch] = journal.batches(context, next, next);
    if (batch === undefined) return;
    yield batch;
    next = batch.firstVersion - 1;
  }
}

export function touches(batch: EventBatch, row: number, { range, spaces, alsoCold }: Scope): boolean {
  const type = batch.type[row] as number;
  if (type > TYPE_UNMAP_REFUSED) {
    const event = batch.colds[batch.extra[row] as number] as ColdEvent<IoasHandle>;
    return coldTouches(event, range, spaces) || alsoCold?.(event) === true;
  }
  const iova = batch.iova[row] as bigint;
  if (iova > range.last) return false;
  let last = batch.last[row] as bigint;
  if (type > TYPE_UNMAPPED) {
    if (type === TYPE_MAP_REFUSED && ((batch.traits[row] as number) & 0x80) !== 0) return false;
    // The column holds the length that was asked for; nothing at all still names its address.
    last = last === 0n ? iova : iova + last - 1n;
  }
  if (last < range.first) return false;
  const ioas = batch.ioas[row] as number;
  return spaces === null || ioas < 0 || spaces.has(ioas);
}

function coldTouches(event: ColdEvent<IoasHandle>, range: Range, spaces: ReadonlySet<IoasHandle> | null): boolean {
  switch (event.type) {
    case "IovaReserved":
    case "WindowCreated":
    case "WindowRemoved":
      return event.iova <= range.last && event.last >= range.first && (spaces === null || spaces.has(event.ioas));
    case "IoasDestroyed":
      return spaces === null || spaces.has(event.ioas);
    case "FaultReported":
      return event.iova !== null && event.iova >= range.first && event.iova <= range.last;
    default:
      return false;
  }
}

/** Whether the unmap in this row found anything mapped. */
export function tookAway({ batch, row }: Row): boolean {
  return (batch.value[row] as bigint) !== 0n || ((batch.traits[row] as number) & 0x80) !== 0;
}

/** The newest rare event up to version `to` that `matches`, or null. */
export function lastCold(
  journal: Journal,
  context: string,
  to: number,
  matches: (event: ColdEvent<IoasHandle>) => boolean,
): Row | null {
  for (const batch of batchesBackwards(journal, context, to)) {
    if (batch.colds.length === 0) continue;
    for (let row = Math.min(batch.length, to + 1 - batch.firstVersion) - 1; row >= 0; row--) {
      if ((batch.type[row] as number) <= TYPE_UNMAP_REFUSED) continue;
      if (matches(batch.colds[batch.extra[row] as number] as ColdEvent<IoasHandle>)) return { batch, row };
    }
  }
  return null;
}
