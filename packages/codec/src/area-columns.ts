/** The areas and known ranges of a space as bytes, for snapshots. */
import { type AreaTable, IoasisError, type RangeSet, type Run } from "@ioasis/core";
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";
import { readDifferences, readSmall, writeDifferences, writeSmall } from "./plain-columns.ts";
import { everyRow, halves } from "./row-classes.ts";
import { readRuns, writeRuns } from "./runs.ts";
import type { Steps } from "./steps.ts";

/** Areas, and known ranges, of one space. */
const ROWS_MAX = 0x40_0000;
/** Visited in one step of writing them. */
const STEP_AREAS = 0x4000;

/** Ranges ascending. */
interface Ranges {
  readonly first: BigUint64Array;
  readonly last: BigUint64Array;
  readonly every: Uint32Array;
}

/** @throws IoasisError ERR_LIMIT */
function rangesFor(count: number): Ranges {
  if (count > ROWS_MAX)
    throw new IoasisError("ERR_LIMIT", `${count} areas in one space: a snapshot holds up to ${ROWS_MAX}`);
  const every = everyRow(count);
  return { first: new BigUint64Array(count), last: new BigUint64Array(count), every };
}

/** Firsts and last - first, each as difference from the one before. `last` is used up. */
function writeRanges(out: ColumnWriter, { first, last, every }: Ranges): void {
  const low = halves(first);
  const size = halves(last);
  for (let at = 0; at < size.length; at += 2) {
    size[at + 1] =
      (size[at + 1] as number) - (low[at + 1] as number) - ((size[at] as number) < (low[at] as number) ? 1 : 0);
    size[at] = (size[at] as number) - (low[at] as number);
  }
  writeDifferences(out, low, every);
  writeDifferences(out, size, every);
}

function readRanges(from: ColumnReader, count: number, what: string): Ranges {
  const ranges = rangesFor(count);
  const first = halves(ranges.first);
  const last = halves(ranges.last);
  readDifferences(from, first, ranges.every, `${what}: first`);
  readDifferences(from, last, ranges.every, `${what}: length`);
  let endLow = 0;
  let endHigh = -1;
  for (let at = 0; at < last.length; at += 2) {
    const firstLow = first[at] as number;
    const firstHigh = first[at + 1] as number;
    const low = firstLow + (last[at] as number);
    const high = firstHigh + (last[at + 1] as number) + (low > 0xffff_ffff ? 1 : 0);
    const isBehind = firstHigh > endHigh || (firstHigh === endHigh && firstLow > endLow);
    if (!isBehind || high > 0xffff_ffff) throw damaged(`${what}: ranges out of order`);
    endLow = low >>> 0;
    endHigh = high;
    last[at] = endLow;
    last[at + 1] = endHigh;
  }
  return ranges;
}

export function writeKnown(out: ColumnWriter, known: RangeSet): void {
  const list = known.ranges();
  const ranges = rangesFor(list.length);
  for (const [row, { first, last }] of list.entries()) {
    ranges.first[row] = first;
    ranges.last[row] = last;
  }
  out.out.varint(list.length);
  out.reserve(list.length);
  writeRanges(out, ranges);
}

export function readKnown(from: ColumnReader, known: RangeSet): void {
  const count = from.reader.varint(ROWS_MAX, "known ranges");
  from.reserve(count);
  const { first, last } = readRanges(from, count, "known ranges");
  for (let row = 0; row < count; row++) known.add(first[row] as bigint, last[row] as bigint);
}

/** The table must not change between the steps. */
export function* writeAreas(out: ColumnWriter, areas: AreaTable): Steps<void> {
  const count = areas.size;
  const ranges = rangesFor(count);
  const traits = new Uint8Array(count);
  const value = new BigUint64Array(count);
  const fd = new Int32Array(count);
  const version = new Uint32Array(2 * count);
  const hasRuns = new Uint8Array(count);
  const lists: (readonly Run[])[] = [];
  let row = 0;
  const take: Parameters<AreaTable["forEach"]>[0] = (iova, last, itsTraits, itsValue, itsFd, runs, itsVersion) => {
    ranges.first[row] = iova;
    ranges.last[row] = last;
    traits[row] = itsTraits;
    value[row] = itsValue;
    fd[row] = itsFd;
    version[2 * row] = itsVersion;
    version[2 * row + 1] = itsVersion / 0x1_0000_0000;
    if (runs !== null) hasRuns[row] = lists.push(runs) > 0 ? 1 : 0;
    row++;
  };
  for (let next: bigint | null = 0n; next !== null; yield) next = areas.forEach(take, next, STEP_AREAS);
  out.out.varint(count);
  out.reserve(count);
  writeRanges(out, ranges);
  yield;
  writeSmall(out, traits, ranges.every);
  yield;
  writeDifferences(out, halves(value), ranges.every);
  yield;
  writeSmall(out, fd, ranges.every);
  yield;
  writeDifferences(out, version, ranges.every);
  yield;
  writeSmall(out, hasRuns, ranges.every);
  writeRuns(out, lists);
}

/** Fills an empty table. @throws IoasisError ERR_BLOCK */
export function readAreas(from: ColumnReader, areas: AreaTable): void {
  const count = from.reader.varint(ROWS_MAX, "areas");
  from.reserve(count);
  const { first, last, every } = readRanges(from, count, "areas");
  const traits = new Uint8Array(count);
  const value = new BigUint64Array(count);
  const fd = new Int32Array(count);
  const version = new Uint32Array(2 * count);
  const hasRuns = new Uint8Array(count);
  const lists: (readonly Run[])[] = [];
  readSmall(from, traits, every, "areas: traits");
  readDifferences(from, halves(value), every, "areas: value");
  readSmall(from, fd, every, "areas: fd");
  readDifferences(from, version, every, "areas: version");
  readSmall(from, hasRuns, every, "areas: runs");
  readRuns(from, lists);
  const columns = { iova: halves(first), last: halves(last), value: halves(value) };
  let next = 0;
  for (let row = 0; row < count; row++) {
    const runs = hasRuns[row] === 0 ? null : lists[next++];
    if (runs === undefined) throw damaged("areas: too few run lists");
    const mapped = (version[2 * row] as number) + 0x1_0000_0000 * (version[2 * row + 1] as number);
    areas.insertRow(columns, row, traits[row] as number, fd[row] as number, runs, mapped);
  }
  if (next !== lists.length) throw damaged("areas: too many run lists");
}
