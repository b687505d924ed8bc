/**
 * Map and unmap events of one space into its areas: the hot path.
 *
 * Sixteen events at a time: first all their places are searched, so that the processor fetches what they need from
 * memory side by side; then each is done where it was found, if that is still its place. A map of a free range and an
 * unmap of exactly one area are done here; all else is left to the store.
 */
import { AREA_VERSION_MAX, CHUNK_SHIFT, ROWS, TWO_32 } from "./area-rows.ts";
import type { AreaStore } from "./area-store.ts";
import { assert } from "./assert.ts";
import { type EventBatch, TYPE_MAPPED, TYPE_UNMAPPED } from "./event-batch.ts";
import type { Halves } from "./halves.ts";

const AHEAD = 16;
const KIND_MASK = 0xf << 2;
const FILE = 2 << 2;
const DMABUF = 3 << 2;
const LAST_ROW = ROWS - 1;
/** Below, doubles are exact. */
const EXACT_BELOW = 2 ** 53;

/** Of the events ahead: first and last byte, the place of their chunk, the row that they sort behind. */
const firstAhead = new Float64Array(AHEAD);
const lastAhead = new Float64Array(AHEAD);
const indexAhead = new Int32Array(AHEAD);
const rowAhead = new Int32Array(AHEAD);
/** Not read again: what counts is that the last bytes were fetched. */
const fetched = new Uint32Array(AHEAD);

/** Folds the rows `[from, to)` of `batch`, of types with a range of one space. */
export function foldAreas(store: AreaStore, batch: EventBatch, from: number, to: number): void {
  assert(batch.firstVersion + to - 1 <= AREA_VERSION_MAX, "an area has 45 bits for its version");
  const { type, halves } = batch;
  for (let group = from; group < to; group += AHEAD) {
    const end = Math.min(to, group + AHEAD);
    lookAhead(store, halves, group, end);
    for (let row = group; row < end; row++) {
      const code = type[row] as number;
      if (code === TYPE_MAPPED) {
        if (!mapFree(store, batch, row, row - group)) mapOver(store, batch, row);
      } else if (code === TYPE_UNMAPPED) {
        if (!unmapOne(store, batch, row, row - group)) unmapAny(store, batch, row);
      }
    }
  }
}

/**
 * The same as far as nothing can be said against an event: a map of a free range, an unmap of exactly one area and of
 * all its bytes.
 * @returns the first row that is none of these, with all before it folded; `to`: there is none
 */
export function foldAreasWhileRight(store: AreaStore, batch: EventBatch, from: number, to: number): number {
  assert(batch.firstVersion + to - 1 <= AREA_VERSION_MAX, "an area has 45 bits for its version");
  const { type, halves } = batch;
  for (let group = from; group < to; group += AHEAD) {
    const end = Math.min(to, group + AHEAD);
    lookAhead(store, halves, group, end);
    for (let row = group; row < end; row++) {
      const code = type[row] as number;
      const isRight =
        code === TYPE_MAPPED
          ? mapFree(store, batch, row, row - group)
          : code === TYPE_UNMAPPED && tookAll(halves, row) && unmapOne(store, batch, row, row - group);
      if (!isRight) return row;
    }
  }
  return to;
}

/** Whether the bytes that an unmap took are those of its range; false too where they are 2^64. */
function tookAll({ iova, last, value }: Halves, row: number): boolean {
  const at = 2 * row;
  const low = (last[at] as number) - (iova[at] as number) + 1;
  const high = (last[at + 1] as number) - (iova[at + 1] as number) + Math.floor(low / TWO_32);
  return value[at] === low >>> 0 && value[at + 1] === high;
}

function lookAhead(store: AreaStore, { iova, last }: Halves, from: number, to: number): void {
  const { rows, directory } = store;
  const { chunks } = directory;
  const { lasts } = rows;
  const count = to - from;
  for (let i = 0, at = 2 * from; i < count; i++, at += 2) {
    firstAhead[i] = (iova[at + 1] as number) * TWO_32 + (iova[at] as number);
    lastAhead[i] = (last[at + 1] as number) * TWO_32 + (last[at] as number);
  }
  if (directory.count === 0) return;
  for (let i = 0; i < count; i++) indexAhead[i] = directory.find(firstAhead[i] as number);
  for (let i = 0; i < count; i++) {
    const start = (chunks[indexAhead[i] as number] as number) << CHUNK_SHIFT;
    const at = rows.upTo(start, firstAhead[i] as number);
    rowAhead[i] = at;
    fetched[i] = lasts[2 * Math.max(at, start)] as number;
  }
}

/**
 * The row that event `ahead` of those looked at sorts behind, in a chunk that may be written to; its place in the
 * directory is in `store.index`. Null: there is none, or doubles are not exact there.
 */
function placeOf(store: AreaStore, ahead: number): number | null {
  const { directory } = store;
  if ((lastAhead[ahead] as number) >= EXACT_BELOW || directory.count === 0) return null;
  const key = firstAhead[ahead] as number;
  let at = rowAhead[ahead] as number;
  let index = indexAhead[ahead] as number;
  const { keys } = store.rows;
  const isThere =
    (at & LAST_ROW) !== LAST_ROW &&
    index < directory.count &&
    directory.chunks[index] === at >> CHUNK_SHIFT &&
    (keys[at] as number) <= key &&
    (keys[at + 1] as number) > key;
  if (!isThere) {
    index = directory.find(key);
    at = store.rows.upTo(store.startOf(index), key);
  }
  store.index = index;
  if (!store.isShared) return at;
  const within = at - store.startOf(index);
  return store.own(index) ? store.startOf(index) + within : null;
}

/** @returns false: the range may not be free, or has what only `insert` handles; nothing is done */
function mapFree(store: AreaStore, batch: EventBatch, row: number, ahead: number): boolean {
  const traits = batch.traits[row] as number;
  const kind = traits & KIND_MASK;
  if (kind === FILE || kind === DMABUF || (batch.extra[row] as number) >= 0) return false;
  const at = placeOf(store, ahead);
  if (at === null) return false;
  const { rows, directory, index } = store;
  const { keys, lasts } = rows;
  const start = store.startOf(index);
  let below = rows.liveUpTo(start, at);
  const isLowest = below < 0;
  if (isLowest && index > 0) {
    const before = store.startOf(index - 1);
    below = rows.liveUpTo(before, before + LAST_ROW);
    if (below < 0) return false;
  }
  if (below >= 0) {
    const endBelow = (lasts[2 * below + 1] as number) * TWO_32 + (lasts[2 * below] as number);
    if (endBelow >= (firstAhead[ahead] as number)) return false;
  }
  const above = rows.liveFrom(start, at + 1);
  const next = above >= 0 ? (keys[above] as number) : directory.minOf(index + 1);
  if (next <= (lastAhead[ahead] as number)) return false;
  const to = rows.place(start, at);
  if (to < 0) return false;
  // The gap behind a new lowest area of a chunk was none of the chunk's so far.
  if (isLowest) directory.widest[index] = Number.POSITIVE_INFINITY;
  const version = batch.firstVersion + row;
  rows.put(to, batch.halves, row, traits, version);
  if (rows.fds !== null) rows.fds[to] = -1;
  store.size++;
  if (store.watcher !== null) store.watcher.came(store, to, version);
  return true;
}

/** @returns false: the range is not exactly that of one area, or that has what only `remove` handles; nothing is done */
function unmapOne(store: AreaStore, batch: EventBatch, row: number, ahead: number): boolean {
  const { last, value } = batch.halves;
  // No bytes: it unmapped nothing. Or 2^64, which wrap to 0.
  if ((value[2 * row] === 0 && value[2 * row + 1] === 0) || store.runs.size > 0) return false;
  const at = placeOf(store, ahead);
  if (at === null) return false;
  const { rows, index } = store;
  const { keys, lasts } = rows;
  const found = rows.liveUpTo(store.startOf(index), at);
  if (found < 0 || keys[found] !== firstAhead[ahead]) return false;
  if (lasts[2 * found] !== last[2 * row] || lasts[2 * found + 1] !== last[2 * row + 1]) return false;
  if (store.watcher !== null) store.watcher.gone(store, found, batch.firstVersion + row);
  store.erase(index, found);
  return true;
}

/** Facts are kept: what a map finds in its way is gone, whoever unmapped it. */
function mapOver(store: AreaStore, batch: EventBatch, row: number): void {
  const { iova, last } = batch.halves;
  const hi = iova[2 * row + 1] as number;
  const lo = iova[2 * row] as number;
  const lastHi = last[2 * row + 1] as number;
  const lastLo = last[2 * row] as number;
  const version = batch.firstVersion + row;
  if (!store.isFree(hi, lo, lastHi, lastLo)) store.remove(hi, lo, lastHi, lastLo, version);
  const runs = batch.runs[batch.extra[row] as number] ?? null;
  const fd = batch.fd[row] as number;
  const traits = batch.traits[row] as number;
  store.insert(batch.halves, row, traits, version, fd, runs, version);
}

function unmapAny(store: AreaStore, batch: EventBatch, row: number): void {
  // It mapped nothing away: no bytes, and not the 2^64 that wrap to 0.
  if ((batch.value[row] as bigint) === 0n && ((batch.traits[row] as number) & 0x80) === 0) return;
  const { iova, last } = batch.halves;
  const [hi, lo] = [iova[2 * row + 1] as number, iova[2 * row] as number];
  store.remove(hi, lo, last[2 * row + 1] as number, last[2 * row] as number, batch.firstVersion + row);
}
