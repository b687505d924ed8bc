/** Emmett: an event store for Node.js, in memory and on SQLite. */
import path from "node:path";
import { type EventBatch, eventAt, hex, type IoasEvent } from "@ioasis/core";
import type { Missing } from "../measure.ts";
import { installed, isMissing } from "./installed.ts";

export interface JsonEvent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EmmettStore {
  /** Appends `events` in batches of `rows`; durable when resolved, where the store is. */
  append(events: readonly JsonEvent[], rows: number): Promise<void>;
}

export type EmmettStores = (folder: string) => Promise<EmmettStore>;

const STREAM = "guest";

/** The rows of `batch` as Emmett takes events. */
export function emmettEvents(batch: EventBatch): JsonEvent[] {
  return Array.from({ length: batch.length }, (_, row) => jsonEvent(eventAt(batch, row)));
}

function jsonEvent({ type, ...fields }: IoasEvent): JsonEvent {
  const plain = JSON.stringify(fields, (_, value: unknown) => (typeof value === "bigint" ? hex(value) : value));
  return { type, data: JSON.parse(plain) as Record<string, unknown> };
}

export async function emmettInMemory(): Promise<EmmettStores | Missing> {
  const library = await installed("@event-driven-io/emmett", () => import("@event-driven-io/emmett"));
  if (isMissing(library)) return library;
  return async () => inBatches(library.getInMemoryEventStore());
}

/** On a database in the folder: with a write-ahead log, synced at each commit, as Emmett sets it up. */
export async function emmettOnSqlite(): Promise<EmmettStores | Missing> {
  const library = await installed("@event-driven-io/emmett-sqlite", () => import("@event-driven-io/emmett-sqlite"));
  if (isMissing(library)) return library;
  return async (folder) => {
    const fileName = path.join(folder, "emmett.db");
    // Emmett asks for the write-ahead log while its first transaction may be under way, and SQLite refuses then.
    const connection = library.sqliteConnection({ fileName });
    await connection.query("PRAGMA journal_mode = WAL");
    connection.close();
    return inBatches(library.getSQLiteEventStore({ fileName }));
  };
}

function inBatches(store: { appendToStream(stream: string, events: JsonEvent[]): Promise<unknown> }): EmmettStore {
  return {
    async append(events, rows) {
      for (let from = 0; from < events.length; from += rows)
        await store.appendToStream(STREAM, events.slice(from, from + rows));
    },
  };
}
