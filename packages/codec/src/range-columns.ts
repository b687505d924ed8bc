/** Ranges of maps and unmaps by their links (links.ts): what of them still stands in the columns, and the way back. */
import { type EventBatch, TYPE_MAPPED, TYPE_UNMAPPED } from "@ioasis/core";
import { Links } from "./links.ts";
import { halves } from "./row-classes.ts";

/** The rows that map or unmap, ascending. */
export function rangeRows(type: Uint8Array, length: number): Uint32Array {
  const rows = new Uint32Array(length);
  let count = 0;
  for (let row = 0; row < length; row++) if ((type[row] as number) <= TYPE_UNMAPPED) rows[count++] = row;
  return rows.subarray(0, count);
}

/** Those of `rows` that have no link. */
export function unlinked(rows: Uint32Array, links: Uint32Array): Uint32Array {
  const own = new Uint32Array(rows.length);
  let count = 0;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number;
    if (links[row] === 0) own[count++] = row;
  }
  return own.subarray(0, count);
}

/** Link of each row; of rows that neither map nor unmap 0. */
export function findLinks(batch: EventBatch): Uint32Array {
  const { type, length } = batch;
  const links = new Uint32Array(length);
  const books = new Links(halves(batch.iova), halves(batch.last), batch.ioas, length);
  for (let row = 0; row < length; row++) {
    const code = type[row] as number;
    if (code === TYPE_MAPPED) links[row] = books.ofMap(row);
    else if (code === TYPE_UNMAPPED) links[row] = books.ofUnmap(row);
  }
  return links;
}

/**
 * Makes ranges of what was read: iova of the rows that have no link; in the place of last the length, but of an unmap
 * that has a link; in the place of the bytes that an unmap took, how many more than its length.
 * @throws IoasisError ERR_BLOCK where a link leads nowhere
 */
export function followLinks(batch: EventBatch, links: Uint32Array, rows: number): void {
  const { type } = batch;
  const iova = halves(batch.iova);
  const last = halves(batch.last);
  const value = halves(batch.value);
  const books = links.some((link) => link !== 0) ? new Links(iova, last, batch.ioas, 0) : null;
  for (let row = 0; row < rows; row++) {
    const code = type[row] as number;
    if (code > TYPE_UNMAPPED) continue;
    const at = 2 * row;
    const link = links[row] as number;
    let lengthLow = last[at] as number;
    let lengthHigh = last[at + 1] as number;
    if (books !== null && link !== 0) {
      const isMap = code === TYPE_MAPPED;
      const from = 2 * (isMap ? books.followMap(row, link, lengthLow, lengthHigh) : books.followUnmap(row, link));
      iova[at] = iova[from] as number;
      iova[at + 1] = iova[from + 1] as number;
      if (!isMap) {
        lengthLow = (last[from] as number) - (iova[from] as number) + 1;
        const borrow = (last[from] as number) < (iova[from] as number) ? 1 : 0;
        lengthHigh = (last[from + 1] as number) - (iova[from + 1] as number) - borrow + (lengthLow >>> 0 === 0 ? 1 : 0);
      }
    }
    putLast(iova, last, at, lengthLow >>> 0, lengthHigh >>> 0);
    if (code === TYPE_UNMAPPED) add(value, at, lengthLow >>> 0, lengthHigh >>> 0);
    if (books === null) continue;
    if (code === TYPE_MAPPED) books.addMap(row);
    else books.addFree(row);
  }
}

/** last = iova + length - 1 */
function putLast(iova: Uint32Array, last: Uint32Array, at: number, lengthLow: number, lengthHigh: number): void {
  const sum = (iova[at] as number) + ((lengthLow - 1) >>> 0);
  last[at] = sum;
  last[at + 1] = (iova[at + 1] as number) + lengthHigh - (lengthLow === 0 ? 1 : 0) + (sum > 0xffff_ffff ? 1 : 0);
}

function add(words: Uint32Array, at: number, low: number, high: number): void {
  const sum = (words[at] as number) + low;
  words[at] = sum;
  words[at + 1] = (words[at + 1] as number) + high + (sum > 0xffff_ffff ? 1 : 0);
}
