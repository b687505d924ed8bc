/** Actors, clocks, run lists and record events of a batch as bytes. */
import type { Actor, ClockColumn, ColdEvent, EventBatch, IoasHandle, Iova, Run } from "@ioasis/core";
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";
import { pack, unpack } from "./pack.ts";
import { type Budget, readSection, writeSection } from "./section.ts";

/** Run lists and runs of one block. */
const RUNS_MAX = 0x10_0000;
const MASK = 0xffff_ffff_ffff_ffffn;

/** Actors are written by column: names and flags repeat, and so do their neighbours' ids. */
export function writeDictionaries(out: ColumnWriter, batch: EventBatch, budget: Budget): void {
  const { actors, clocks, colds } = batch;
  const record = [
    actors.map(({ comm }) => comm),
    actors.map(({ pid }) => pid),
    actors.map(({ tid }) => tid),
    actors.map(({ cpu }) => cpu),
    actors.map(({ flags }) => flags),
    clocks.map(({ clock, decimals }) => [clock, decimals]),
    colds,
  ];
  writeSection(out.out, pack(record), budget);
  writeRuns(out, batch.runs);
}

/** Fills the dictionaries of an empty batch. @throws IoasisError ERR_BLOCK */
export function readDictionaries(from: ColumnReader, batch: EventBatch, budget: Budget): void {
  const record = unpack(readSection(from.reader, budget, "dictionaries"));
  if (!Array.isArray(record) || record.length !== 7 || !record.every(Array.isArray)) throw damaged("dictionaries");
  const [comms, pids, tids, cpus, flags, clocks, colds] = record as readonly (readonly unknown[])[];
  for (const [i, comm] of (comms ?? []).entries())
    batch.actors.push(actor({ comm, pid: pids?.[i], tid: tids?.[i], cpu: cpus?.[i], flags: flags?.[i] }, i));
  for (const entry of clocks ?? []) batch.clocks.push(clockColumn(entry));
  // Whether a record is an event is asked row by row, where its type is known (batch-check.ts).
  for (const event of colds ?? []) batch.colds.push(event as ColdEvent<IoasHandle>);
  readRuns(from, batch.runs);
}

function actor(fields: Readonly<Record<string, unknown>>, index: number): Actor {
  const { comm, pid, tid, cpu, flags } = fields;
  if (isText(comm) && isId(pid) && isId(tid) && isId(cpu) && isText(flags)) return { comm, pid, tid, cpu, flags };
  throw damaged(`actor ${index}`);
}

function isText(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function isId(value: unknown): value is number | null {
  return value === null || Number.isSafeInteger(value);
}

function clockColumn(entry: unknown): ClockColumn {
  const [clock, decimals] = Array.isArray(entry) ? (entry as unknown[]) : [];
  if (typeof clock === "string" && Number.isInteger(decimals) && Number(decimals) >= 0 && Number(decimals) <= 18)
    return { clock, decimals: Number(decimals) };
  throw damaged("clock");
}

/** Runs in a list, then iova and paddr as differences from the end of the run before, then lengths. */
function writeRuns(out: ColumnWriter, lists: readonly (readonly Run[])[]): void {
  const runs = lists.flat();
  out.out.varint(lists.length);
  out.out.varint(runs.length);
  out.reserve(Math.max(lists.length, runs.length));
  for (const [i, list] of lists.entries()) put(out, i, BigInt(list.length));
  out.write(lists.length);
  writeEnds(out, runs, (run) => run.iova);
  writeEnds(out, runs, (run) => run.paddr);
  for (const [i, run] of runs.entries()) put(out, i, run.length);
  out.write(runs.length);
}

function writeEnds(out: ColumnWriter, runs: readonly Run[], start: (run: Run) => bigint): void {
  let end = 0n;
  for (const [i, run] of runs.entries()) {
    put(out, i, start(run) - end);
    end = start(run) + run.length;
  }
  out.write(runs.length);
}

function put(out: ColumnWriter, row: number, value: bigint): void {
  out.lo[row] = Number(value & 0xffff_ffffn);
  out.hi[row] = Number((value >> 32n) & 0xffff_ffffn);
}

function readRuns(from: ColumnReader, lists: (readonly Run[])[]): void {
  const listCount = from.reader.varint(RUNS_MAX, "run lists");
  const runCount = from.reader.varint(RUNS_MAX, "runs");
  from.reserve(Math.max(listCount, runCount));
  from.read(listCount, "runs of a list");
  const counts = Array.from(from.lo.subarray(0, listCount));
  if (counts.reduce((sum, count) => sum + count, 0) !== runCount) throw damaged("runs of a list: wrong sum");
  from.read(runCount, "iova of runs");
  const iovas = Array.from({ length: runCount }, (_, i) => get(from, i));
  from.read(runCount, "paddr of runs");
  const paddrs = Array.from({ length: runCount }, (_, i) => get(from, i));
  from.read(runCount, "length of runs");
  let next = 0;
  let iovaEnd = 0n;
  let paddrEnd = 0n;
  for (const count of counts) {
    const list: Run[] = [];
    for (const to = next + count; next < to; next++) {
      const iova = (iovaEnd + (iovas[next] as bigint)) & MASK;
      const paddr = (paddrEnd + (paddrs[next] as bigint)) & MASK;
      const length = get(from, next);
      list.push({ iova: iova as Iova, paddr, length });
      iovaEnd = iova + length;
      paddrEnd = paddr + length;
    }
    lists.push(list);
  }
}

function get(from: ColumnReader, row: number): bigint {
  return (BigInt(from.hi[row] as number) << 32n) | BigInt(from.lo[row] as number);
}
