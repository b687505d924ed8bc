/** The areas and known ranges of a space as bytes, for snapshots. */
import { type AreaTable, IoasisError, type RangeSet, type Run } from "@ioasis/core";
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";
import { readDifferences, readSmall, writeDifferences, writeSmall } from "./plain-columns.ts";
import { halves } from "./row-classes.ts";
import { readRuns, writeRuns } from "./runs.ts";

/** Areas, and known ranges, of one space. */
const ROWS_MAX = 0x40_0000;
const MASK = 0xffff_ffff_ffff_ffffn;

/** Ranges ascending: firsts as differences from the one before, then lengths less one. */
interface Ranges {
  readonly first: BigUint64Array;
  readonly size: BigUint64Array;
  readonly every: Uint32Array;
}

/** @throws IoasisError ERR_LIMIT */
function rangesFor(count: number): Ranges {
  if (count > ROWS_MAX)
    throw new IoasisError("ERR_LIMIT", `${count} areas in one space: a snapshot holds up to ${ROWS_MAX}`);
  const every = new Uint32Array(count);
  for (let row = 0; row < count; row++) every[row] = row;
  return { first: new BigUint64Array(count), size: new BigUint64Array(count), every };
}

function writeRanges(out: ColumnWriter, { first, size, every }: Ranges): void {
  writeDifferences(out, halves(first), every);
  writeDifferences(out, halves(size), every);
}

function readRanges(from: ColumnReader, count: number, what: string): Ranges {
  const ranges = rangesFor(count);
  readDifferences(from, halves(ranges.first), ranges.every, `${what}: first`);
  readDifferences(from, halves(ranges.size), ranges.every, `${what}: length`);
  let next = 0n;
  for (let row = 0; row < count; row++) {
    const first = ranges.first[row] as bigint;
    const last = first + (ranges.size[row] as bigint);
    if (first < next || last > MASK) throw damaged(`${what}: ranges out of order`);
    next = last + 1n;
  }
  return ranges;
}

export function writeKnown(out: ColumnWriter, known: RangeSet): void {
  const list = known.ranges();
  const ranges = rangesFor(list.length);
  for (const [row, { first, last }] of list.entries()) {
    ranges.first[row] = first;
    ranges.size[row] = last - first;
  }
  out.out.varint(list.length);
  out.reserve(list.length);
  writeRanges(out, ranges);
}

export function readKnown(from: ColumnReader, known: RangeSet): void {
  const count = from.reader.varint(ROWS_MAX, "known ranges");
  from.reserve(count);
  const { first, size } = readRanges(from, count, "known ranges");
  for (let row = 0; row < count; row++) known.add(first[row] as bigint, (first[row] as bigint) + (size[row] as bigint));
}

export function writeAreas(out: ColumnWriter, areas: AreaTable): void {
  const count = areas.size;
  const ranges = rangesFor(count);
  const traits = new Uint8Array(count);
  const value = new BigUint64Array(count);
  const fd = new Int32Array(count);
  const version = new BigUint64Array(count);
  const hasRuns = new Uint8Array(count);
  const lists: (readonly Run[])[] = [];
  let row = 0;
  areas.forEach((iova, last, areaTraits, areaValue, areaFd, runs, areaVersion) => {
    ranges.first[row] = iova;
    ranges.size[row] = last - iova;
    traits[row] = areaTraits;
    value[row] = areaValue;
    fd[row] = areaFd;
    version[row] = BigInt(areaVersion);
    if (runs !== null) hasRuns[row] = lists.push(runs) > 0 ? 1 : 0;
    row++;
  });
  out.out.varint(count);
  out.reserve(count);
  writeRanges(out, ranges);
  writeSmall(out, traits, ranges.every);
  writeDifferences(out, halves(value), ranges.every);
  writeSmall(out, fd, ranges.every);
  writeDifferences(out, halves(version), ranges.every);
  writeSmall(out, hasRuns, ranges.every);
  writeRuns(out, lists);
}

/** Fills an empty table. @throws IoasisError ERR_BLOCK */
export function readAreas(from: ColumnReader, areas: AreaTable): void {
  const count = from.reader.varint(ROWS_MAX, "areas");
  from.reserve(count);
  const { first, size, every } = readRanges(from, count, "areas");
  const traits = new Uint8Array(count);
  const value = new BigUint64Array(count);
  const fd = new Int32Array(count);
  const version = new BigUint64Array(count);
  const hasRuns = new Uint8Array(count);
  const lists: (readonly Run[])[] = [];
  readSmall(from, traits, every, "areas: traits");
  readDifferences(from, halves(value), every, "areas: value");
  readSmall(from, fd, every, "areas: fd");
  readDifferences(from, halves(version), every, "areas: version");
  readSmall(from, hasRuns, every, "areas: runs");
  readRuns(from, lists);
  let next = 0;
  for (let row = 0; row < count; row++) {
    const runs = hasRuns[row] === 0 ? null : lists[next++];
    if (runs === undefined) throw damaged("areas: too few run lists");
    const iova = first[row] as bigint;
    const last = iova + (size[row] as bigint);
    const mapped = Number(version[row]);
    areas.insert(iova, last, traits[row] as number, value[row] as bigint, fd[row] as number, runs, mapped);
  }
  if (next !== lists.length) throw damaged("areas: too many run lists");
}
