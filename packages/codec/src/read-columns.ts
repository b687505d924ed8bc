/** The columns of a batch from bytes: the mirror of `write-columns.ts`. */
import { type EventBatch, TYPE_UNMAPPED } from "@ioasis/core";
import type { ColumnReader } from "./column.ts";
import { damaged } from "./damage.ts";
import { readDifferences, readSmall } from "./plain-columns.ts";
import { everyRow, halves, type RowClass, rowClasses } from "./row-classes.ts";

/** Fills the first `rows` rows; the dictionaries must be there already. @throws IoasisError ERR_BLOCK */
export function readColumns(from: ColumnReader, batch: EventBatch, rows: number): void {
  const every = everyRow(rows);
  readSmall(from, batch.type, every, "type");
  for (const group of rowClasses(batch.type, rows)) {
    readSmall(from, batch.errno, group.rows, `errno of ${group.name}s`);
    readSmall(from, batch.traits, group.rows, `traits of ${group.name}s`);
    readSmall(from, batch.ioas, group.rows, `ioas of ${group.name}s`);
    readSmall(from, batch.fd, group.rows, `fd of ${group.name}s`);
    readSmall(from, batch.actor, group.rows, `actor of ${group.name}s`);
    readExtra(from, batch.extra, group.rows, `extra of ${group.name}s`);
    readDifferences(from, halves(batch.iova), group.rows, `iova of ${group.name}s`);
    readLast(from, batch, group.rows, `last of ${group.name}s`);
    readValue(from, batch, group, `value of ${group.name}s`);
  }
  readSmall(from, batch.clock, every, "clock");
  readTicks(from, batch, rows);
  readLine(from, batch, rows);
}

function readExtra(from: ColumnReader, extra: Int32Array, rows: Uint32Array, what: string): void {
  from.read(rows.length, what);
  const { lo, hi } = from;
  let next = 0;
  for (let i = 0; i < rows.length; i++) {
    const code = lo[i] as number;
    if (code > 0x7fff_ffff || hi[i] !== 0) throw damaged(`${what}: row ${rows[i]} is out of range`);
    extra[rows[i] as number] = code === 1 ? next++ : code === 0 ? -1 : code - 2;
  }
}

function readLast(from: ColumnReader, batch: EventBatch, rows: Uint32Array, what: string): void {
  from.read(rows.length, what);
  const { lo, hi } = from;
  const last = halves(batch.last);
  const iova = halves(batch.iova);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    const at = 2 * row;
    let low = lo[i] as number;
    let high = hi[i] as number;
    if ((batch.type[row] as number) <= TYPE_UNMAPPED) {
      // iova + length - 1
      high = high + (iova[at + 1] as number) - (low === 0 ? 1 : 0);
      const sum = (iova[at] as number) + ((low - 1) >>> 0);
      high += sum > 0xffff_ffff ? 1 : 0;
      low = sum;
    }
    last[at] = low;
    last[at + 1] = high;
  }
}

function readValue(from: ColumnReader, batch: EventBatch, group: RowClass, what: string): void {
  const value = halves(batch.value);
  if (group.name !== "unmap") {
    readDifferences(from, value, group.rows, what);
    return;
  }
  from.read(group.rows.length, what);
  const { lo, hi } = from;
  const last = halves(batch.last);
  const iova = halves(batch.iova);
  for (let i = 0; i < group.rows.length; i++) {
    const row = group.rows[i] as number;
    const at = 2 * row;
    let low = lo[i] as number;
    let high = hi[i] as number;
    if (batch.type[row] === TYPE_UNMAPPED) {
      const lastLow = last[at] as number;
      const iovaLow = iova[at] as number;
      const length = (lastLow - iovaLow + 1) >>> 0;
      const borrow = lastLow < iovaLow ? 1 : 0;
      const sum = low + length;
      high += (last[at + 1] as number) - (iova[at + 1] as number) - borrow + (length === 0 ? 1 : 0);
      high += sum > 0xffff_ffff ? 1 : 0;
      low = sum;
    }
    value[at] = low;
    value[at + 1] = high;
  }
}

function readTicks(from: ColumnReader, batch: EventBatch, rows: number): void {
  from.read(rows, "ticks");
  const { lo, hi } = from;
  const ticks = halves(batch.ticks);
  const previous = new Uint32Array(2 * (batch.clocks.length + 1));
  for (let row = 0; row < rows; row++) {
    const clock = 2 * (batch.clock[row] as number);
    if (clock >= previous.length) throw damaged(`clock: row ${row} names clock ${clock / 2} of ${batch.clocks.length}`);
    const sum = (previous[clock] as number) + (lo[row] as number);
    previous[clock + 1] = (previous[clock + 1] as number) + (hi[row] as number) + (sum > 0xffff_ffff ? 1 : 0);
    previous[clock] = sum;
    ticks[2 * row] = sum;
    ticks[2 * row + 1] = previous[clock + 1] as number;
  }
}

function readLine(from: ColumnReader, batch: EventBatch, rows: number): void {
  from.read(rows, "line");
  let line = 0;
  for (let row = 0; row < rows; row++) {
    line = (line + (from.lo[row] as number)) >>> 0;
    batch.line[row] = line;
  }
}
