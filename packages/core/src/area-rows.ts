/**
 * The rows of area tables, in columns: one row is one mapped range.
 *
 * Rows lie in chunks of 64, in order of address. An unmap leaves a hole, a map fills one, so that neither
 * moves other rows as long as a hole is near:
 *
 *     row     0     1     2     3     4     5     6   ...  63
 *     key   0x1000 0x1000 0x3000 0x4000 0x4000 0x9000  +inf     never falls; a hole has one too
 *     used    x      .      x      x      .      x      .       one bit a row, two words a chunk
 *
 *     map 0x5000:  behind row 4 (the last key that is not above it), which is a hole: it becomes row 4
 *     map 0x3800:  behind row 2; neither 2 nor 3 is a hole, the nearest is 4: row 3 moves there, it becomes row 3
 *     unmap 0x4000: the bit of row 3 is cleared, nothing else
 *
 * The key is the address of the first byte as a double, without its lowest 11 bits from 2^53 on, where a double has
 * no place for them. It grows with the address; only above 2^53 can two areas have the same key, and there the 11
 * bits in `cargo` tell them apart. Nothing here is a bigint: addresses are read and written in halves of 32 bits.
 *
 * Several tables may own chunks of one arena (see `AreaStore.snapshot`): `owners` says who may write to which.
 */
import type { Halves } from "./halves.ts";

export const ROWS = 64;
/** Row >> this is its chunk. */
export const CHUNK_SHIFT = 6;
export const TWO_32 = 0x1_0000_0000;
/** High half of the first address whose low 11 bits the key leaves out. */
export const TIED_FROM = 0x20_0000;
const LOW_BITS = 0x7ff;
/** `cargo` word 3: bits 0-10 of the address, traits, whether there are runs, version above 2^32. */
const TRAITS_SHIFT = 11;
const TRAITS_MASK = 0x7f;
const HAS_RUNS = 1 << 18;
const VERSION_SHIFT = 19;
/** A row has 45 bits for the version that mapped it. */
export const AREA_VERSION_MAX = 2 ** 45 - 1;

const pair = new Uint32Array(2);
const long = new BigUint64Array(pair.buffer);

/** The address with these halves. */
export function longOf(hi: number, lo: number): bigint {
  pair[0] = lo;
  pair[1] = hi;
  return long[0] as bigint;
}

/** The high half of an address, or of another 64-bit number. */
export function hiOf(value: bigint): number {
  long[0] = value;
  return pair[1] as number;
}

export function loOf(value: bigint): number {
  long[0] = value;
  return pair[0] as number;
}

/** Order of addresses as a double: see above. */
export function keyOf(hi: number, lo: number): number {
  return hi * TWO_32 + (hi < TIED_FROM ? lo : lo - (lo & LOW_BITS));
}

export class AreaRows {
  /** Chunks that there is room for. */
  capacity: number;
  keys: Float64Array;
  /** Last byte: low half, high half. */
  lasts: Uint32Array;
  /** Value, low and high half; version, low half; bits (see above). */
  cargo: Uint32Array;
  /** File descriptors; null as long as no row has one. */
  fds: Int32Array | null = null;
  used: Int32Array;
  /** By chunk: rows that are no holes. */
  counts: Uint8Array;
  /** By chunk: the stamp of the table that may write to it. */
  owners: Float64Array;
  #stamps = 0;
  #taken = 0;
  readonly #free: number[] = [];

  constructor(capacity: number) {
    this.capacity = capacity;
    this.keys = new Float64Array(capacity * ROWS);
    this.lasts = new Uint32Array(capacity * ROWS * 2);
    this.cargo = new Uint32Array(capacity * ROWS * 4);
    this.used = new Int32Array(capacity * 2);
    this.counts = new Uint8Array(capacity);
    this.owners = new Float64Array(capacity);
  }

  /** A stamp that no chunk has yet. */
  newStamp(): number {
    return ++this.#stamps;
  }

  get isFull(): boolean {
    return this.#free.length === 0 && this.#taken === this.capacity;
  }

  /** A chunk without rows; there must be room. Its holes sort behind every address. */
  take(stamp: number): number {
    const chunk = this.#free.pop() ?? this.#taken++;
    this.owners[chunk] = stamp;
    this.empty(chunk, Number.POSITIVE_INFINITY);
    return chunk;
  }

  give(chunk: number): void {
    this.#free.push(chunk);
  }

  empty(chunk: number, holeKey: number): void {
    this.keys.fill(holeKey, chunk * ROWS, (chunk + 1) * ROWS);
    this.used[2 * chunk] = 0;
    this.used[2 * chunk + 1] = 0;
    this.counts[chunk] = 0;
  }

  /** Makes room for as many chunks; those that there are keep their numbers. */
  grow(capacity: number): void {
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.capacity = capacity;
    this.keys = grown(new Float64Array(capacity * ROWS), this.keys);
    this.lasts = grown(new Uint32Array(capacity * ROWS * 2), this.lasts);
    this.cargo = grown(new Uint32Array(capacity * ROWS * 4), this.cargo);
    if (this.fds !== null) this.fds = grown(new Int32Array(capacity * ROWS), this.fds);
    this.used = grown(new Int32Array(capacity * 2), this.used);
    this.counts = grown(new Uint8Array(capacity), this.counts);
    this.owners = grown(new Float64Array(capacity), this.owners);
  }

  /** Makes `to` a copy of a chunk, which may be in another arena. */
  copyChunk(to: number, from: AreaRows, chunk: number): void {
    const low = chunk * ROWS;
    const high = low + ROWS;
    this.keys.set(from.keys.subarray(low, high), to * ROWS);
    this.lasts.set(from.lasts.subarray(2 * low, 2 * high), 2 * to * ROWS);
    this.cargo.set(from.cargo.subarray(4 * low, 4 * high), 4 * to * ROWS);
    if (from.fds !== null) this.needFds().set(from.fds.subarray(low, high), to * ROWS);
    this.used[2 * to] = from.used[2 * chunk] as number;
    this.used[2 * to + 1] = from.used[2 * chunk + 1] as number;
    this.counts[to] = from.counts[chunk] as number;
  }

  needFds(): Int32Array {
    this.fds ??= new Int32Array(this.capacity * ROWS).fill(-1);
    return this.fds;
  }

  // Below, `start` is the first row of a chunk.

  /** The last row of the chunk, hole or not, whose key is not above `key`; `start - 1` if none. */
  upTo(start: number, key: number): number {
    const keys = this.keys;
    let at = start - 1;
    // By arithmetic: how a comparison ends is as good as random, and a branch that was guessed wrong costs more.
    at += +((keys[at + 32] as number) <= key) << 5;
    at += +((keys[at + 16] as number) <= key) << 4;
    at += +((keys[at + 8] as number) <= key) << 3;
    at += +((keys[at + 4] as number) <= key) << 2;
    at += +((keys[at + 2] as number) <= key) << 1;
    at += +((keys[at + 1] as number) <= key);
    at += +((keys[at + 1] as number) <= key);
    return at;
  }

  /** The highest row of the chunk that is in use, at or below `row`; -1 if none. */
  liveUpTo(start: number, row: number): number {
    if (row < start) return -1;
    const bits = (this.used[row >> 5] as number) & (-1 >>> (31 - (row & 31)));
    if (bits !== 0) return (row | 31) - Math.clz32(bits);
    if ((row & 32) === 0) return -1;
    const lower = this.used[start >> 5] as number;
    return lower === 0 ? -1 : start + 31 - Math.clz32(lower);
  }

  /** The lowest row of the chunk that is in use, at or above `row`; -1 if none. */
  liveFrom(start: number, row: number): number {
    if (row - start === ROWS) return -1;
    return lowestBit((this.used[row >> 5] as number) & (-1 << row), this.used[(start >> 5) + 1] as number, row);
  }

  /** As `liveUpTo`, of holes. */
  #holeUpTo(start: number, row: number): number {
    if (row < start) return -1;
    const bits = ~(this.used[row >> 5] as number) & (-1 >>> (31 - (row & 31)));
    if (bits !== 0) return (row | 31) - Math.clz32(bits);
    if ((row & 32) === 0) return -1;
    const lower = ~(this.used[start >> 5] as number);
    return lower === 0 ? -1 : start + 31 - Math.clz32(lower);
  }

  /** As `liveFrom`, of holes. */
  #holeFrom(start: number, row: number): number {
    if (row - start === ROWS) return -1;
    return lowestBit(~(this.used[row >> 5] as number) & (-1 << row), ~(this.used[(start >> 5) + 1] as number), row);
  }

  /**
   * A row for a key that sorts behind row `at` of the chunk (or before all: `start - 1`), and before the row after it;
   * the rows between it and the nearest hole move by one. Not yet in use. -1: the chunk is full.
   */
  place(start: number, at: number): number {
    const above = this.#holeFrom(start, at + 1);
    if (above === at + 1) return above;
    const below = this.#holeUpTo(start, at);
    if (below === at && below >= 0) return below;
    if (above >= 0 && (below < 0 || above - at <= at - below)) {
      for (let row = above; row > at + 1; row--) this.#move(row - 1, row);
      this.#setUsed(above);
      return at + 1;
    }
    if (below < 0) return -1;
    for (let row = below; row < at; row++) this.#move(row + 1, row);
    this.#setUsed(below);
    return at;
  }

  /**
   * The row behind those of the chunk, which all are in use, for a key above theirs; not yet in use. -1: the key is not
   * above, a hole lies between them, the chunk is empty or full.
   */
  end(start: number, key: number): number {
    const count = this.counts[start >> CHUNK_SHIFT] as number;
    if (count === 0 || count === ROWS) return -1;
    const row = start + count;
    // Keys never fall: behind an infinite one there is no row in use, so that those in use are the ones before it.
    return this.keys[row] === Number.POSITIVE_INFINITY && (this.keys[row - 1] as number) < key ? row : -1;
  }

  /** Fills a row that `place` gave with the range and the value in row `from` of columns. */
  put(row: number, { iova, last, value }: Halves, from: number, traits: number, version: number): void {
    const { keys, lasts, cargo } = this;
    const lo = iova[2 * from] as number;
    keys[row] = keyOf(iova[2 * from + 1] as number, lo);
    lasts[2 * row] = last[2 * from] as number;
    lasts[2 * row + 1] = last[2 * from + 1] as number;
    const at = 4 * row;
    cargo[at] = value[2 * from] as number;
    cargo[at + 1] = value[2 * from + 1] as number;
    cargo[at + 2] = version;
    cargo[at + 3] = (lo & LOW_BITS) | ((traits & TRAITS_MASK) << TRAITS_SHIFT) | ((version / TWO_32) << VERSION_SHIFT);
    this.#setUsed(row);
    const chunk = row >> CHUNK_SHIFT;
    this.counts[chunk] = (this.counts[chunk] as number) + 1;
  }

  /** Makes a hole of a row. @returns how many rows its chunk has left */
  erase(row: number): number {
    this.used[row >> 5] = (this.used[row >> 5] as number) & ~(1 << row);
    const chunk = row >> CHUNK_SHIFT;
    const left = (this.counts[chunk] as number) - 1;
    this.counts[chunk] = left;
    return left;
  }

  /** Moves the rows of the chunk to its front. */
  pack(start: number): void {
    let to = start;
    for (let row = this.liveFrom(start, start); row >= 0; row = this.liveFrom(start, row + 1)) {
      if (row !== to) this.#move(row, to);
      to++;
    }
  }

  /** Moves `count` packed rows of the chunk up by `by`. */
  shiftUp(start: number, count: number, by: number): void {
    for (let row = start + count - 1; row >= start; row--) this.#move(row, row + by);
  }

  /** Appends the rows `[from, end)`, all in use, to `count` packed rows of another chunk. */
  append(start: number, count: number, from: number, end: number): void {
    for (let row = from; row < end; row++) this.#move(row, start + count + row - from);
  }

  /** Spreads `count` packed rows evenly over the chunk. */
  spread(start: number, count: number): void {
    const { keys, used } = this;
    used[start >> 5] = 0;
    used[(start >> 5) + 1] = 0;
    let end = start + ROWS;
    for (let row = count - 1; row >= 0; row--) {
      const to = start + Math.floor((row * ROWS) / count);
      if (to !== start + row) this.#move(start + row, to);
      keys.fill(keys[to] as number, to + 1, end);
      this.#setUsed(to);
      end = to;
    }
    this.counts[start >> CHUNK_SHIFT] = count;
  }

  #move(from: number, to: number): void {
    const { keys, lasts, cargo } = this;
    keys[to] = keys[from] as number;
    lasts[2 * to] = lasts[2 * from] as number;
    lasts[2 * to + 1] = lasts[2 * from + 1] as number;
    cargo[4 * to] = cargo[4 * from] as number;
    cargo[4 * to + 1] = cargo[4 * from + 1] as number;
    cargo[4 * to + 2] = cargo[4 * from + 2] as number;
    cargo[4 * to + 3] = cargo[4 * from + 3] as number;
    if (this.fds !== null) this.fds[to] = this.fds[from] as number;
  }

  #setUsed(row: number): void {
    this.used[row >> 5] = (this.used[row >> 5] as number) | (1 << row);
  }

  // What a row holds.

  firstHi(row: number): number {
    return Math.floor((this.keys[row] as number) / TWO_32);
  }

  firstLo(row: number): number {
    const key = this.keys[row] as number;
    const hi = Math.floor(key / TWO_32);
    const lo = key - hi * TWO_32;
    return hi < TIED_FROM ? lo : lo + this.lowBits(row);
  }

  /** The lowest 11 bits of the first address. */
  lowBits(row: number): number {
    return (this.cargo[4 * row + 3] as number) & LOW_BITS;
  }

  first(row: number): bigint {
    return longOf(this.firstHi(row), this.firstLo(row));
  }

  last(row: number): bigint {
    return longOf(this.lasts[2 * row + 1] as number, this.lasts[2 * row] as number);
  }

  /** Whether the last byte is at or above the address. */
  reaches(row: number, hi: number, lo: number): boolean {
    const lastHi = this.lasts[2 * row + 1] as number;
    return lastHi > hi || (lastHi === hi && (this.lasts[2 * row] as number) >= lo);
  }

  /** Whether the first byte is at or below the address. */
  beginsUpTo(row: number, hi: number, lo: number): boolean {
    const key = this.keys[row] as number;
    const other = keyOf(hi, lo);
    return key < other || (key === other && this.lowBits(row) <= (lo & LOW_BITS));
  }

  value(row: number): bigint {
    return longOf(this.cargo[4 * row + 1] as number, this.cargo[4 * row] as number);
  }

  version(row: number): number {
    return ((this.cargo[4 * row + 3] as number) >>> VERSION_SHIFT) * TWO_32 + (this.cargo[4 * row + 2] as number);
  }

  traits(row: number): number {
    return ((this.cargo[4 * row + 3] as number) >>> TRAITS_SHIFT) & TRAITS_MASK;
  }

  fd(row: number): number {
    return this.fds === null ? -1 : (this.fds[row] as number);
  }

  hasRuns(row: number): boolean {
    return ((this.cargo[4 * row + 3] as number) & HAS_RUNS) !== 0;
  }

  setHasRuns(row: number): void {
    this.cargo[4 * row + 3] = (this.cargo[4 * row + 3] as number) | HAS_RUNS;
  }

  setLast(row: number, hi: number, lo: number): void {
    this.lasts[2 * row] = lo;
    this.lasts[2 * row + 1] = hi;
  }
}

/** The row of the lowest bit of the word that `row` is in, or of the next word of its chunk; -1 if none. */
function lowestBit(bits: number, nextBits: number, row: number): number {
  if (bits !== 0) return (row & ~31) + 31 - Math.clz32(bits & -bits);
  if ((row & 32) !== 0 || nextBits === 0) return -1;
  return (row | 31) + 32 - Math.clz32(nextBits & -nextBits);
}
