/** Lists of physical runs as bytes. */
import { IoasisError, type Iova, type Run } from "@ioasis/core";
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";

/** Lists, and runs in all of them. */
const RUNS_MAX = 0x10_0000;
const MASK = 0xffff_ffff_ffff_ffffn;

/**
 * Runs in a list, then iova and paddr as differences from the end of the run before, then lengths.
 * @throws IoasisError ERR_LIMIT
 */
export function writeRuns(out: ColumnWriter, lists: readonly (readonly Run[])[]): void {
  const runs = lists.flat();
  if (lists.length > RUNS_MAX || runs.length > RUNS_MAX)
    throw new IoasisError("ERR_LIMIT", `${runs.length} physical runs at once: the limit is ${RUNS_MAX}`);
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

/** Adds the lists to `lists`. @throws IoasisError ERR_BLOCK */
export function readRuns(from: ColumnReader, lists: (readonly Run[])[]): void {
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
