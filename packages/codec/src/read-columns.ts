/** The columns of a batch from bytes: the mirror of `write-columns.ts`. */
import type { EventBatch } from "@ioasis/core";
import type { ColumnReader } from "./column.ts";
import { damaged } from "./damage.ts";
import { readDifferences, readSmall, readWide } from "./plain-columns.ts";
import { followLinks, rangeRows, unlinked } from "./range-columns.ts";
import { everyRow, halves, rowClasses } from "./row-classes.ts";

/** The first format in which rows have links. */
const LINKS_SINCE = 3;

/** Fills the first `rows` rows; the dictionaries must be there already. @throws IoasisError ERR_BLOCK */
export function readColumns(from: ColumnReader, batch: EventBatch, rows: number, format: number): void {
  const every = everyRow(rows);
  readSmall(from, batch.type, every, "type");
  const links = new Uint32Array(rows);
  if (format >= LINKS_SINCE) readSmall(from, links, rangeRows(batch.type, rows), "link");
  for (const group of rowClasses(batch.type, rows)) {
    const own = unlinked(group.rows, links);
    readSmall(from, batch.errno, group.rows, `errno of ${group.name}s`);
    readSmall(from, batch.traits, group.rows, `traits of ${group.name}s`);
    readSmall(from, batch.ioas, group.rows, `ioas of ${group.name}s`);
    readSmall(from, batch.fd, group.rows, `fd of ${group.name}s`);
    readSmall(from, batch.actor, group.rows, `actor of ${group.name}s`);
    readExtra(from, batch.extra, group.rows, `extra of ${group.name}s`);
    readDifferences(from, halves(batch.iova), own, `iova of ${group.name}s`);
    readWide(from, halves(batch.last), group.name === "unmap" ? own : group.rows, `last of ${group.name}s`);
    const readValue = group.name === "unmap" ? readWide : readDifferences;
    readValue(from, halves(batch.value), group.rows, `value of ${group.name}s`);
  }
  followLinks(batch, links, rows);
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
