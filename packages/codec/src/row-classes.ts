/** The rows of a batch sorted into kinds that are alike: neighbours in a class make small differences. */
import { TYPE_MAP_REFUSED, TYPE_MAPPED, TYPE_UNMAP_REFUSED, TYPE_UNMAPPED } from "@ioasis/core";

export interface RowClass {
  readonly name: "map" | "unmap" | "cold";
  /** Row numbers, ascending. */
  readonly rows: Uint32Array;
}

/** Maps (done or refused), unmaps (done or refused) and the rest, in this order. */
export function rowClasses(type: Uint8Array, length: number): readonly [RowClass, RowClass, RowClass] {
  let mapCount = 0;
  let unmapCount = 0;
  for (let row = 0; row < length; row++) {
    const code = type[row] as number;
    if (code === TYPE_MAPPED || code === TYPE_MAP_REFUSED) mapCount++;
    else if (code === TYPE_UNMAPPED || code === TYPE_UNMAP_REFUSED) unmapCount++;
  }
  const rows = new Uint32Array(length);
  let map = 0;
  let unmap = mapCount;
  let cold = mapCount + unmapCount;
  for (let row = 0; row < length; row++) {
    const code = type[row] as number;
    if (code === TYPE_MAPPED || code === TYPE_MAP_REFUSED) rows[map++] = row;
    else if (code === TYPE_UNMAPPED || code === TYPE_UNMAP_REFUSED) rows[unmap++] = row;
    else rows[cold++] = row;
  }
  return [
    { name: "map", rows: rows.subarray(0, map) },
    { name: "unmap", rows: rows.subarray(map, unmap) },
    { name: "cold", rows: rows.subarray(unmap) },
  ];
}

/** 64-bit columns as 32-bit halves, low half first: every machine that runs JavaScript stores them so. */
export function halves(column: BigUint64Array | BigInt64Array): Uint32Array {
  return new Uint32Array(column.buffer, column.byteOffset, column.length * 2);
}

/** 0, 1, 2, ... `rows` - 1. */
export function everyRow(rows: number): Uint32Array {
  const every = new Uint32Array(rows);
  for (let row = 0; row < rows; row++) every[row] = row;
  return every;
}
