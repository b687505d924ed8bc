/** Actors, clocks, run lists and record events of a batch as bytes. */
import type { Actor, ColdEvent, EventBatch, IoasHandle } from "@ioasis/core";
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";
import { pack, unpack } from "./pack.ts";
import { readRuns, writeRuns } from "./runs.ts";
import { type Budget, readSection, writeSection } from "./section.ts";

/** Comms, pids, tids, cpus and flags of the actors; clocks; record events. */
type Columns = readonly [
  readonly Actor["comm"][],
  readonly Actor["pid"][],
  readonly Actor["tid"][],
  readonly Actor["cpu"][],
  readonly Actor["flags"][],
  readonly (readonly [string, number])[],
  readonly ColdEvent<IoasHandle>[],
];

/** Actors are written by column: names and flags repeat, and so do their neighbours' ids. */
export function writeDictionaries(out: ColumnWriter, batch: EventBatch, budget: Budget): void {
  const { actors, clocks, colds } = batch;
  const record: Columns = [
    actors.map(({ comm }) => comm),
    actors.map(({ pid }) => pid),
    actors.map(({ tid }) => tid),
    actors.map(({ cpu }) => cpu),
    actors.map(({ flags }) => flags),
    clocks.map(({ clock, decimals }) => [clock, decimals] as const),
    colds,
  ];
  writeSection(out.out, pack(record), budget);
  writeRuns(out, batch.runs);
}

/**
 * Fills the dictionaries of an empty batch. What the entries are is asked afterwards, together
 * with the rows that use them (batch-check.ts).
 * @throws IoasisError ERR_BLOCK
 */
export function readDictionaries(from: ColumnReader, batch: EventBatch, budget: Budget): void {
  const record = unpack(readSection(from.reader, budget, "dictionaries"));
  if (!isColumns(record)) throw damaged("dictionaries");
  const [comms, pids, tids, cpus, flags, clocks, colds] = record;
  for (const [i, comm] of comms.entries())
    batch.actors.push({ comm, pid: pids[i], tid: tids[i], cpu: cpus[i], flags: flags[i] } as Actor);
  for (const [clock, decimals] of clocks) batch.clocks.push({ clock, decimals });
  for (const event of colds) batch.colds.push(event);
  readRuns(from, batch.runs);
}

/** The shape only: lists of whatever, clocks as lists. */
function isColumns(value: unknown): value is Columns {
  return (
    Array.isArray(value) && value.length === 7 && value.every(Array.isArray) && (value[5] ?? []).every(Array.isArray)
  );
}
