/** Columns that need no other column: numbers as they are, and differences between neighbours. */
import type { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";

export type SmallColumn = Uint8Array | Int32Array | Uint32Array;

/** Values of `rows` as they are. */
export function writeSmall(out: ColumnWriter, column: SmallColumn, rows: Uint32Array): void {
  const { lo, hi } = out;
  if (rows.length === 0) return;
  const first = column[rows[0] as number] as number;
  let same = 1;
  while (same < rows.length && column[rows[same] as number] === first) same++;
  if (same === rows.length) {
    out.writeSame(first, first < 0 ? -1 : 0);
    return;
  }
  for (let i = 0; i < rows.length; i++) {
    const value = column[rows[i] as number] as number;
    lo[i] = value;
    hi[i] = value < 0 ? -1 : 0;
  }
  out.write(rows.length);
}

/** @throws IoasisError ERR_BLOCK where a value does not fit the column */
export function readSmall(from: ColumnReader, column: SmallColumn, rows: Uint32Array, what: string): void {
  const isSame = from.readForm(rows.length, what);
  const { lo, hi } = from;
  const isSigned = column instanceof Int32Array;
  const max = column instanceof Uint8Array ? 0xff : isSigned ? 0x7fff_ffff : 0xffff_ffff;
  const count = isSame ? 1 : rows.length;
  for (let i = 0; i < count; i++) {
    const value = lo[i] as number;
    const isNegative = isSigned && hi[i] === 0xffff_ffff && value > max;
    if (!isNegative && (value > max || hi[i] !== 0)) throw damaged(`${what}: row ${rows[i]} is out of range`);
  }
  const same = lo[0] as number;
  if (isSame) for (let i = 0; i < rows.length; i++) column[rows[i] as number] = same;
  else for (let i = 0; i < count; i++) column[rows[i] as number] = lo[i] as number;
}

/** 64-bit values (halves) as differences modulo 2^64, each from the row before in `rows`, the first from 0. */
export function writeDifferences(out: ColumnWriter, words: Uint32Array, rows: Uint32Array): void {
  const { lo, hi } = out;
  let previousLow = 0;
  let previousHigh = 0;
  for (let i = 0; i < rows.length; i++) {
    const at = 2 * (rows[i] as number);
    const low = words[at] as number;
    const high = words[at + 1] as number;
    lo[i] = low - previousLow;
    hi[i] = high - previousHigh - (low < previousLow ? 1 : 0);
    previousLow = low;
    previousHigh = high;
  }
  out.write(rows.length);
}

export function readDifferences(from: ColumnReader, words: Uint32Array, rows: Uint32Array, what: string): void {
  from.read(rows.length, what);
  const { lo, hi } = from;
  let low = 0;
  let high = 0;
  for (let i = 0; i < rows.length; i++) {
    const sum = low + (lo[i] as number);
    low = sum >>> 0;
    high = (high + (hi[i] as number) + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
    const at = 2 * (rows[i] as number);
    words[at] = low;
    words[at + 1] = high;
  }
}

/** 64-bit values (halves) as they are. */
export function readWide(from: ColumnReader, words: Uint32Array, rows: Uint32Array, what: string): void {
  const isSame = from.readForm(rows.length, what);
  const { lo, hi } = from;
  for (let i = 0; i < rows.length; i++) {
    const at = 2 * (rows[i] as number);
    words[at] = lo[isSame ? 0 : i] as number;
    words[at + 1] = hi[isSame ? 0 : i] as number;
  }
}
