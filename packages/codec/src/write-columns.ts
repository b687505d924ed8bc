/** The columns of a batch as bytes; `read-columns.ts` is the mirror, docs/FORMAT.md the description. */
import { type EventBatch, TYPE_UNMAPPED } from "@ioasis/core";
import type { ColumnWriter } from "./column.ts";
import { writeDifferences, writeSmall } from "./plain-columns.ts";
import { findLinks, rangeRows, unlinked } from "./range-columns.ts";
import { everyRow, halves, type RowClass, rowClasses } from "./row-classes.ts";

export function writeColumns(out: ColumnWriter, batch: EventBatch): void {
  const every = everyRow(batch.length);
  writeSmall(out, batch.type, every);
  const links = findLinks(batch);
  writeSmall(out, links, rangeRows(batch.type, batch.length));
  for (const group of rowClasses(batch.type, batch.length)) {
    const own = unlinked(group.rows, links);
    writeSmall(out, batch.errno, group.rows);
    writeSmall(out, batch.traits, group.rows);
    writeSmall(out, batch.ioas, group.rows);
    writeSmall(out, batch.fd, group.rows);
    writeSmall(out, batch.actor, group.rows);
    writeExtra(out, batch.extra, group.rows);
    writeDifferences(out, halves(batch.iova), own);
    writeLast(out, batch, group.name === "unmap" ? own : group.rows);
    writeValue(out, batch, group);
  }
  writeSmall(out, batch.clock, every);
  writeTicks(out, batch);
  writeLine(out, batch);
}

/** An index into a dictionary: none, the next one in order, or (2 more than) any other. */
function writeExtra(out: ColumnWriter, extra: Int32Array, rows: Uint32Array): void {
  const { lo, hi } = out;
  let next = 0;
  for (let i = 0; i < rows.length; i++) {
    const value = extra[rows[i] as number] as number;
    lo[i] = value < 0 ? 0 : value === next ? 1 : value + 2;
    hi[i] = 0;
    if (value === next) next++;
  }
  out.write(rows.length);
}

/** A mapped or unmapped range: its length; otherwise the column as it is (a length already, or 0). */
function writeLast(out: ColumnWriter, batch: EventBatch, rows: Uint32Array): void {
  const { lo, hi } = out;
  const last = halves(batch.last);
  const iova = halves(batch.iova);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const isRange = (batch.type[row] as number) <= TYPE_UNMAPPED;
    putLength(lo, hi, i, last, iova, 2 * row, isRange);
  }
  out.write(rows.length);
}

/** last - iova + 1, or last where the row is no range. */
function putLength(
  lo: Uint32Array,
  hi: Uint32Array,
  to: number,
  last: Uint32Array,
  iova: Uint32Array,
  at: number,
  isRange: boolean,
): void {
  const lastLow = last[at] as number;
  const lastHigh = last[at + 1] as number;
  if (!isRange) {
    lo[to] = lastLow;
    hi[to] = lastHigh;
    return;
  }
  const iovaLow = iova[at] as number;
  const low = (lastLow - iovaLow + 1) >>> 0;
  const borrow = lastLow < iovaLow ? 1 : 0;
  lo[to] = low;
  hi[to] = lastHigh - (iova[at + 1] as number) - borrow + (low === 0 ? 1 : 0);
}

/** Maps: difference from the map before. Unmaps: difference from the length of the range. */
function writeValue(out: ColumnWriter, batch: EventBatch, group: RowClass): void {
  const value = halves(batch.value);
  if (group.name !== "unmap") {
    writeDifferences(out, value, group.rows);
    return;
  }
  const { lo, hi } = out;
  const last = halves(batch.last);
  const iova = halves(batch.iova);
  for (let i = 0; i < group.rows.length; i++) {
    const row = group.rows[i] as number;
    const low = value[2 * row] as number;
    const high = value[2 * row + 1] as number;
    if (batch.type[row] !== TYPE_UNMAPPED) {
      lo[i] = low;
      hi[i] = high;
      continue;
    }
    putLength(lo, hi, i, last, iova, 2 * row, true);
    const lengthLow = lo[i] as number;
    lo[i] = low - lengthLow;
    hi[i] = high - (hi[i] as number) - (low < lengthLow ? 1 : 0);
  }
  out.write(group.rows.length);
}

/** Difference from the row before that read the same clock. */
function writeTicks(out: ColumnWriter, batch: EventBatch): void {
  const { lo, hi } = out;
  const ticks = halves(batch.ticks);
  const previous = new Uint32Array(2 * (batch.clocks.length + 1));
  for (let row = 0; row < batch.length; row++) {
    const clock = 2 * (batch.clock[row] as number);
    const low = ticks[2 * row] as number;
    const high = ticks[2 * row + 1] as number;
    const previousLow = previous[clock] as number;
    lo[row] = low - previousLow;
    hi[row] = high - (previous[clock + 1] as number) - (low < previousLow ? 1 : 0);
    previous[clock] = low;
    previous[clock + 1] = high;
  }
  out.write(batch.length);
}

/** Difference from the row before. */
function writeLine(out: ColumnWriter, batch: EventBatch): void {
  const { lo, hi } = out;
  let previous = 0;
  for (let row = 0; row < batch.length; row++) {
    const line = batch.line[row] as number;
    const step = line - previous;
    lo[row] = step;
    hi[row] = step < 0 ? -1 : 0;
    previous = line;
  }
  out.write(batch.length);
}
