/** 64-bit columns as numbers of 32 bits, for what must not make bigints. */

/** Columns of addresses in halves of 32 bits: of row `i` the low one at `2 * i`, the high one behind it. */
export interface Halves {
  readonly iova: Uint32Array;
  readonly last: Uint32Array;
  readonly value: Uint32Array;
}

export function halvesOf({ buffer, byteOffset, length }: BigUint64Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, 2 * length);
}

const single = { iova: new BigUint64Array(1), last: new BigUint64Array(1), value: new BigUint64Array(1) };
const singleHalves: Halves = {
  iova: halvesOf(single.iova),
  last: halvesOf(single.last),
  value: halvesOf(single.value),
};

/** One range with its value as columns of one row, until the next call. */
export function columnsOf(iova: bigint, last: bigint, value: bigint): Halves {
  single.iova[0] = iova;
  single.last[0] = last;
  single.value[0] = value;
  return singleHalves;
}
