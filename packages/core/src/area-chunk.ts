/** A run of at most `ROWS_MAX` areas in order of address: their ranges, and the slot of what else they carry. */
import type { Iova } from "./address.ts";

export const ROWS_MAX = 128;

export class Chunk {
  length = 0;
  readonly iova = new BigUint64Array(ROWS_MAX);
  readonly last = new BigUint64Array(ROWS_MAX);
  readonly slot = new Uint32Array(ROWS_MAX);

  /** Number of rows whose first address is at or below `iova`. */
  rowsUpTo(iova: bigint): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.iova[middle] as bigint) <= iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** There must be room. @returns the row that it is in */
  insert(iova: bigint, last: bigint, slot: number): number {
    const row = this.rowsUpTo(iova);
    this.iova.copyWithin(row + 1, row, this.length);
    this.last.copyWithin(row + 1, row, this.length);
    this.slot.copyWithin(row + 1, row, this.length);
    this.iova[row] = iova;
    this.last[row] = last;
    this.slot[row] = slot;
    this.length++;
    return row;
  }

  erase(row: number): void {
    this.iova.copyWithin(row, row + 1, this.length);
    this.last.copyWithin(row, row + 1, this.length);
    this.slot.copyWithin(row, row + 1, this.length);
    this.length--;
  }

  /** Gives the upper half of a full chunk away. */
  split(): Chunk {
    const upper = new Chunk();
    const half = ROWS_MAX >>> 1;
    upper.iova.set(this.iova.subarray(half));
    upper.last.set(this.last.subarray(half));
    upper.slot.set(this.slot.subarray(half));
    upper.length = ROWS_MAX - half;
    this.length = half;
    return upper;
  }
}

/** The range of an area. */
export interface Span {
  readonly iova: Iova;
  readonly last: Iova;
}

export function spanOf({ iova, last }: Chunk, row: number): Span {
  return { iova: iova[row] as Iova, last: last[row] as Iova };
}
