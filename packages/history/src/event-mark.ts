/** The event that an answer points to: its version, its time and who did it. */
import { type Actor, type ClockJson, type EventBatch, recordedAt, stampAt, stampToJson } from "@ioasis/core";
import type { Journal } from "@ioasis/store";

export interface EventMark {
  readonly version: number;
  /** RFC 3339, or null where the source has no wall clock. */
  readonly time: string | null;
  readonly clock: ClockJson | null;
  readonly actor: Actor | null;
}

/** One row of a batch. */
export interface Row {
  readonly batch: EventBatch;
  readonly row: number;
}

export function versionOf({ batch, row }: Row): number {
  return batch.firstVersion + row;
}

export function markOf({ batch, row }: Row): EventMark {
  const actor = batch.actor[row] as number;
  return {
    version: batch.firstVersion + row,
    ...stampToJson(stampAt(batch, row)),
    actor: actor === 0 ? null : (batch.actors[actor - 1] as Actor),
  };
}

/** The row that is `version`; null for version 0 and beyond the head. */
export function rowOf(journal: Journal, context: string, version: number): Row | null {
  if (version < 1) return null;
  for (const batch of journal.batches(context, version, version)) {
    const row = version - batch.firstVersion;
    if (row >= 0 && row < batch.length) return { batch, row };
  }
  return null;
}

/** The mark of `version`, whose event need not have a time. */
export function markAt(journal: Journal, context: string, version: number): EventMark {
  const found = rowOf(journal, context, version);
  return found === null ? { version, time: null, clock: null, actor: null } : markOf(found);
}

/** The event of a row with its envelope. */
export function recordedOf({ batch, row }: Row): ReturnType<typeof recordedAt> {
  return recordedAt(batch, row);
}
