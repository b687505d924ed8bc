/**
 * Map and unmap events of one space into its areas: the hot path.
 *
 * Sixteen events at a time: first all their places are searched, so that the processor fetches what they need from
 * memory side by side; then each is done where it was found, if that is still its place. A map of a free range and an
 * unmap of exactly one area are done here; all else is left to the store.
 */
import { AREA_VERSION_MAX, CHUNK_SHIFT, ROWS, TIED_FROM, TWO_32 } from "./area-rows.ts";
import type { AreaStore } from "./area-store.ts";
import { assert } from "./assert.ts";
import { type EventBatch, TYPE_MAPPED, TYPE_UNMAPPED } from "./event-batch.ts";

const AHEAD = 16;
const KIND_MASK = 0xf << 2;
const FILE = 2 << 2;
const DMABUF = 3 << 2;
const LAST_ROW = ROWS - 1;

/** Of the events ahead: where in the directory they belong, and the row that they sort behind. */
const indexAhead = new Int32Array(AHEAD);
const rowAhead = new Int32Array(AHEAD);
/** Not read again: what counts is that the last bytes were fetched. */
const lastAhead = new Uint32Array(AHEAD);

/** Folds the rows `[from, to)` of `batch`, of types with a range of one space. */
export function foldAreas(store: AreaStore, batch: EventBatch, from: number, to: number): void {
  assert(batch.firstVersion + to - 1 <= AREA_VERSION_MAX, "an area has 45 bits for its version");
  const { type } = batch;
  for (let group = from; group < to; group += AHEAD) {
    const end = Math.min(to, group + AHEAD);
    if (store.directory.count > 0) lookAhead(store, batch.halves.iova, group, end);
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

function lookAhead(store: AreaStore, iova: Uint32Array, from: number, to: number): void {
  const { rows, directory } = store;
  const { chunks } = directory;
  const { lasts } = rows;
  for (let row = from; row < to; row++)
    indexAhead[row - from] = directory.find((iova[2 * row + 1] as number) * TWO_32 + (iova[2 * row] as number));
  for (let row = from; row < to; row++) {
    const start = (chunks[indexAhead[row - from] as number] as number) << CHUNK_SHIFT;
    const at = rows.upTo(start, (iova[2 * row + 1] as number) * TWO_32 + (iova[2 * row] as number));
    rowAhead[row - from] = at;
    lastAhead[row - from] = lasts[2 * Math.max(at, start)] as number;
  }
}

/** The place of event `ahead` of those looked at, whose key is `key`: the row that it sorts behind; in `store.index` its chunk. */
function placeOf(store: AreaStore, ahead: number, key: number): number {
  const { rows, directory } = store;
  const { keys } = rows;
  const at = rowAhead[ahead] as number;
  const index = indexAhead[ahead] as number;
  store.index = index;
  if (
    (at & LAST_ROW) !== LAST_ROW &&
    directory.chunks[index] === at >> CHUNK_SHIFT &&
    index < directory.count &&
    (keys[at] as number) <= key &&
    (keys[at + 1] as number) > key
  )
    return at;
  store.index = directory.find(key);
  return rows.upTo(store.startOf(store.index), key);
}

/** @returns false: the range may not be free, or has what only `insert` handles; nothing is done */
function mapFree(store: AreaStore, batch: EventBatch, row: number, ahead: number): boolean {
  const { iova, last, value } = batch.halves;
  const lastHi = last[2 * row + 1] as number;
  const traits = batch.traits[row] as number;
  const kind = traits & KIND_MASK;
  if (lastHi >= TIED_FROM || kind === FILE || kind === DMABUF || (batch.extra[row] as number) >= 0) return false;
  if (store.directory.count === 0) return false;
  const lo = iova[2 * row] as number;
  const hi = iova[2 * row + 1] as number;
  const lastLo = last[2 * row] as number;
  const key = hi * TWO_32 + lo;
  let at = placeOf(store, ahead, key);
  const { index } = store;
  if (store.isShared) {
    const within = at - store.startOf(index);
    if (!store.own(index)) return false;
    at = store.startOf(index) + within;
  }
  const { rows, directory } = store;
  const start = store.startOf(index);
  const below = rows.liveUpTo(start, at);
  if (below < 0 || rows.reaches(below, hi, lo)) return false;
  const above = rows.liveFrom(start, at + 1);
  const next = above >= 0 ? (rows.keys[above] as number) : directory.minOf(index + 1);
  if (next <= lastHi * TWO_32 + lastLo) return false;
  const to = rows.place(start, at);
  if (to < 0) return false;
  const version = batch.firstVersion + row;
  rows.put(to, key, lo, lastHi, lastLo, value[2 * row + 1] as number, value[2 * row] as number, traits, version);
  if (rows.fds !== null) rows.fds[to] = -1;
  store.size++;
  if (store.watcher !== null) store.watcher.came(store, to, version);
  return true;
}

/** @returns false: the range is not exactly that of one area, or that has what only `remove` handles; nothing is done */
function unmapOne(store: AreaStore, batch: EventBatch, row: number, ahead: number): boolean {
  const { iova, last, value } = batch.halves;
  const lastHi = last[2 * row + 1] as number;
  // No bytes: it unmapped nothing. Or 2^64, which wrap to 0.
  if (value[2 * row] === 0 && value[2 * row + 1] === 0) return false;
  if (lastHi >= TIED_FROM || store.directory.count === 0 || store.runs.size > 0) return false;
  const lo = iova[2 * row] as number;
  const hi = iova[2 * row + 1] as number;
  const lastLo = last[2 * row] as number;
  const key = hi * TWO_32 + lo;
  let at = placeOf(store, ahead, key);
  const { index } = store;
  if (store.isShared) {
    const within = at - store.startOf(index);
    if (!store.own(index)) return false;
    at = store.startOf(index) + within;
  }
  const { rows } = store;
  const found = rows.liveUpTo(store.startOf(index), at);
  if (found < 0 || rows.keys[found] !== key) return false;
  if (rows.lasts[2 * found] !== lastLo || rows.lasts[2 * found + 1] !== lastHi) return false;
  if (store.watcher !== null) store.watcher.gone(store, found, batch.firstVersion + row);
  store.erase(index, found);
  return true;
}

/** Facts are kept: what a map finds in its way is gone, whoever unmapped it. */
function mapOver(store: AreaStore, batch: EventBatch, row: number): void {
  const { iova, last, value } = batch.halves;
  const hi = iova[2 * row + 1] as number;
  const lo = iova[2 * row] as number;
  const lastHi = last[2 * row + 1] as number;
  const lastLo = last[2 * row] as number;
  const version = batch.firstVersion + row;
  if (!store.isFree(hi, lo, lastHi, lastLo)) store.remove(hi, lo, lastHi, lastLo, version);
  const runs = batch.runs[batch.extra[row] as number] ?? null;
  const fd = batch.fd[row] as number;
  const traits = batch.traits[row] as number;
  const [valueHi, valueLo] = [value[2 * row + 1] as number, value[2 * row] as number];
  store.insert(hi, lo, lastHi, lastLo, valueHi, valueLo, traits, version, fd, runs, version);
}

function unmapAny(store: AreaStore, batch: EventBatch, row: number): void {
  // It mapped nothing away: no bytes, and not the 2^64 that wrap to 0.
  if ((batch.value[row] as bigint) === 0n && ((batch.traits[row] as number) & 0x80) === 0) return;
  const { iova, last } = batch.halves;
  const [hi, lo] = [iova[2 * row + 1] as number, iova[2 * row] as number];
  store.remove(hi, lo, last[2 * row + 1] as number, last[2 * row] as number, batch.firstVersion + row);
}
