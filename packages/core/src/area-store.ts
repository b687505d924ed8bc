/**
 * Where the areas of one table are and how they get there: rows in chunks, the directory of the chunks, and the
 * chunks that it shares with its snapshots. Addresses come in halves of 32 bits, high half first.
 *
 * A chunk that is full is cut in two; one that falls below a quarter joins a neighbour. A row number holds until the
 * next change.
 */
import { AreaDirectory } from "./area-directory.ts";
import { AreaRows, CHUNK_SHIFT, hiOf, keyOf, longOf, loOf, ROWS, TIED_FROM } from "./area-rows.ts";
import type { AreaWatcher } from "./area-watcher.ts";
import { columnsOf, type Halves } from "./halves.ts";
import type { Run } from "./source.ts";

/** A chunk with fewer rows looks for a neighbour. */
const ROWS_FEW = 16;
/** Two chunks with no more rows than this together become one. */
const ROWS_JOINED_MAX = 40;

/** A full chunk gives rows to the next one if that has no more than these. */
const ROWS_LENT_TO_MAX = 44;
/** Bits of the kind of source in `traits`: 0 has no address that a cut moves. */
const KIND_MASK = 0xf << 2;

export class AreaStore {
  size = 0;
  rows = new AreaRows(0);
  directory = new AreaDirectory();
  /** Place in the directory of the chunk of the row that was found last. */
  index = 0;
  watcher: AreaWatcher | null = null;
  /** Run lists of rows that have one, by first address. */
  runs = new Map<bigint, readonly Run[]>();
  #stamp = this.rows.newStamp();
  /** Chunks with another stamp, the directory and `runs` may be a snapshot's too. */
  isShared = false;
  #ownsDirectory = true;
  #ownsRuns = true;

  /** A store with the same areas; it costs nothing until one of the two changes. */
  snapshot(): AreaStore {
    const copy = new AreaStore();
    copy.size = this.size;
    copy.rows = this.rows;
    copy.directory = this.directory;
    copy.runs = this.runs;
    copy.#share();
    this.#share();
    return copy;
  }

  #share(): void {
    this.#stamp = this.rows.newStamp();
    this.isShared = true;
    this.#ownsDirectory = false;
    this.#ownsRuns = false;
  }

  /** First row of a chunk. */
  startOf(index: number): number {
    return (this.directory.chunks[index] as number) << CHUNK_SHIFT;
  }

  /** The row of the highest area that begins at or below the address; -1 if none. */
  floor(hi: number, lo: number): number {
    if (this.size === 0) return -1;
    const { rows } = this;
    const key = keyOf(hi, lo);
    let index = this.directory.find(key);
    let start = this.startOf(index);
    let row = rows.liveUpTo(start, rows.upTo(start, key));
    for (;;) {
      while (row >= 0 && !rows.beginsUpTo(row, hi, lo)) row = rows.liveUpTo(start, row - 1);
      if (row >= 0 || index === 0) break;
      start = this.startOf(--index);
      row = rows.liveUpTo(start, start + ROWS - 1);
    }
    this.index = index;
    return row;
  }

  /** The row of the lowest area whose last byte is at or above the address; -1 if none. */
  lowest(hi: number, lo: number): number {
    const row = this.floor(hi, lo);
    if (row >= 0) return this.rows.reaches(row, hi, lo) ? row : this.after(row);
    if (this.size === 0) return -1;
    this.index = 0;
    return this.rows.liveFrom(this.startOf(0), this.startOf(0));
  }

  /** The row behind `row`, whose chunk is at `index`; -1 if none. */
  after(row: number): number {
    const { rows, directory } = this;
    const next = rows.liveFrom(this.startOf(this.index), row + 1);
    if (next >= 0) return next;
    if (this.index + 1 === directory.count) return -1;
    const start = this.startOf(++this.index);
    return rows.liveFrom(start, start);
  }

  /** Whether no byte of the range is mapped. */
  isFree(hi: number, lo: number, lastHi: number, lastLo: number): boolean {
    const row = this.lowest(hi, lo);
    return row < 0 || !this.rows.beginsUpTo(row, lastHi, lastLo);
  }

  /**
   * Adds the range in row `from` of columns as an area; it must be free. `fd`: -1 if none. `at`: the version of the
   * event, for the watcher.
   */
  insert(
    columns: Halves,
    from: number,
    traits: number,
    version: number,
    fd: number,
    runs: readonly Run[] | null,
    at: number,
  ): void {
    const row = this.#room(columns.iova[2 * from + 1] as number, columns.iova[2 * from] as number);
    this.rows.put(row, columns, from, traits, version);
    this.size++;
    if (fd >= 0) this.rows.needFds()[row] = fd;
    else if (this.rows.fds !== null) this.rows.fds[row] = -1;
    if (runs !== null) this.#setRuns(row, runs);
    this.watcher?.came(this, row, at);
  }

  /**
   * Unmaps whatever is mapped in the range; an area that sticks out is cut. `at`: as in `insert`.
   * @returns the number of bytes that were mapped there
   */
  remove(hi: number, lo: number, lastHi: number, lastLo: number, at: number): bigint {
    let bytes = 0n;
    for (;;) {
      const row = this.lowest(hi, lo);
      if (row < 0 || !this.rows.beginsUpTo(row, lastHi, lastLo)) return bytes;
      const { index } = this;
      if (!this.own(index)) continue;
      bytes += this.#cut(index, this.startOf(index) + (row & (ROWS - 1)), longOf(hi, lo), longOf(lastHi, lastLo), at);
    }
  }

  /** Takes what lies in `[iova, last]` from the area in a row of the chunk at `index`, which is owned. */
  #cut(index: number, row: number, iova: bigint, last: bigint, at: number): bigint {
    const { rows } = this;
    const areaFirst = rows.first(row);
    const areaLast = rows.last(row);
    const traits = rows.traits(row);
    const value = rows.value(row);
    const version = rows.version(row);
    const fd = rows.fd(row);
    const runs = this.runsOf(row);
    this.watcher?.gone(this, row, at);
    if (areaFirst < iova) {
      this.widen(index, row);
      rows.setLast(row, hiOf(iova - 1n), loOf(iova - 1n));
      this.watcher?.came(this, row, at);
    } else this.erase(index, row);
    if (areaLast > last) {
      const first = last + 1n;
      const start = (traits & KIND_MASK) === 0 ? value : value + (first - areaFirst);
      this.insert(columnsOf(first, areaLast, start), 0, traits, version, fd, runs, at);
    }
    return (areaLast < last ? areaLast : last) - (areaFirst > iova ? areaFirst : iova) + 1n;
  }

  /** The run list of the area as it was mapped, which may reach beyond what is left of it; null if none. */
  runsOf(row: number): readonly Run[] | null {
    return this.rows.hasRuns(row) ? (this.runs.get(this.rows.first(row)) ?? null) : null;
  }

  /** A row for an area that begins at the address. */
  #room(hi: number, lo: number): number {
    const key = keyOf(hi, lo);
    if (this.directory.count === 0) this.#addChunk(0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
    if (!this.isShared) {
      // Whoever loads areas in order needs no search.
      this.index = this.directory.count - 1;
      const end = this.rows.end(this.startOf(this.index), key);
      if (end >= 0) return end;
    }
    for (;;) {
      const at = this.#behind(hi, lo, key);
      const index = this.index;
      if (!this.own(index)) continue;
      const start = this.startOf(index);
      const behind = start + at;
      const row = this.rows.place(start, behind);
      // A new lowest area of a chunk: the gap behind it was none of the chunk's so far.
      if (row >= 0) {
        if (this.rows.liveUpTo(start, behind) < 0) this.directory.widest[index] = Number.POSITIVE_INFINITY;
        return row;
      }
      this.#split(index, at, key);
    }
  }

  /** How far into its chunk (at `index`) the row is that an area at the address sorts behind: -1 before all. */
  #behind(hi: number, lo: number, key: number): number {
    const { directory, rows } = this;
    let index = directory.find(key);
    let row = -1;
    if (hi >= TIED_FROM) {
      const found = index;
      row = this.floor(hi, lo);
      // Nothing sorts before it: to the front of everything.
      if (row < 0 && this.size > 0) index = 0;
      // Chunks that begin with the same key: into the one that holds what sorts before, or to the front of the next.
      if (row >= 0 && this.index < found && directory.mins[found] === key) {
        const isLast = rows.liveFrom(this.startOf(this.index), row + 1) < 0;
        index = isLast ? this.index + 1 : this.index;
      }
      // It sorts before all: then before all chunks that begin with its key, or a full one would be split for ever.
      if (row < 0) while (index > 0 && directory.mins[index] === key) index--;
      if (row < 0 || this.index !== index) row = -1;
    }
    this.index = index;
    const start = this.startOf(index);
    const at = rows.upTo(start, key);
    if (hi < TIED_FROM) return at - start;
    // Rows that have the same key but a higher address stay behind it.
    const next = rows.liveFrom(start, row < 0 ? start : row + 1);
    return (next >= 0 && next <= at ? next - 1 : at) - start;
  }

  /** Makes a hole of a row in the chunk at `index`, which is owned. */
  erase(index: number, row: number): void {
    const { rows, directory } = this;
    const start = this.startOf(index);
    this.widen(index, row);
    if (this.runs.size > 0 && rows.hasRuns(row)) this.#dropRuns(row);
    this.size--;
    const left = rows.erase(row);
    if (left < ROWS_FEW && directory.count > 1) this.thin(index, left);
    else if (left === 0) rows.empty(start >> CHUNK_SHIFT, Number.POSITIVE_INFINITY);
  }

  /** The area in this row shrinks or goes: the gaps before and behind it grow. */
  widen(index: number, row: number): void {
    const { widest } = this.directory;
    widest[index] = Number.POSITIVE_INFINITY;
    if (index > 0 && this.rows.liveUpTo(this.startOf(index), row - 1) < 0) widest[index - 1] = Number.POSITIVE_INFINITY;
  }

  /** A chunk has few rows left: it goes, or joins a neighbour. */
  thin(index: number, left: number): void {
    const { directory } = this;
    if (left === 0) {
      this.#removeChunk(index);
      return;
    }
    const { counts } = this.rows;
    const rowsOf = (at: number): number => counts[directory.chunks[at] as number] as number;
    if (index + 1 < directory.count && left + rowsOf(index + 1) <= ROWS_JOINED_MAX) this.#join(index);
    else if (index > 0 && left + rowsOf(index - 1) <= ROWS_JOINED_MAX) this.#join(index - 1);
  }

  /** Makes one chunk of two. */
  #join(index: number): void {
    if (!this.own(index) || !this.own(index + 1)) return;
    const { rows, directory } = this;
    const [start, next] = [this.startOf(index), this.startOf(index + 1)];
    const [count, more] = [rows.counts[start >> CHUNK_SHIFT] as number, rows.counts[next >> CHUNK_SHIFT] as number];
    rows.pack(start);
    rows.pack(next);
    rows.append(start, count, next, next + more);
    rows.spread(start, count + more);
    const wider = Math.max(directory.widest[index] as number, directory.widest[index + 1] as number);
    this.#removeChunk(index + 1);
    directory.widest[index] = wider;
  }

  /** Cuts a full chunk in two, so that there is room behind its row `at`. */
  #split(index: number, at: number, key: number): void {
    if (this.rows.isFull) {
      this.#makeRoom();
      return;
    }
    const { rows, directory } = this;
    const widest = directory.widest[index] as number;
    const start = this.startOf(index);
    if (at === ROWS - 1) this.#addChunk(index + 1, key, widest);
    else if (at === -1) {
      // Whoever maps downwards goes on below: all holes of the new chunk sort below too.
      const border = directory.mins[index] as number;
      directory.mins[index] = rows.keys[start] as number;
      rows.empty(this.#addChunk(index, border, widest), Number.NEGATIVE_INFINITY);
    } else if (!this.#lend(index)) {
      const half = ROWS / 2;
      const upper = this.#addChunk(index + 1, rows.keys[start + half] as number, widest) << CHUNK_SHIFT;
      rows.append(upper, 0, start + half, start + ROWS);
      rows.spread(upper, half);
      rows.spread(start, half);
    }
  }

  /**
   * Gives the upper rows of a full chunk to the next one, if that has room: fuller chunks are fewer, and what there is
   * of them stays nearer to the processor.
   * @returns whether it did
   */
  #lend(index: number): boolean {
    const { rows, directory } = this;
    if (index + 1 === directory.count) return false;
    const more = rows.counts[directory.chunks[index + 1] as number] as number;
    if (more > ROWS_LENT_TO_MAX || !this.own(index + 1)) return false;
    const [start, next] = [this.startOf(index), this.startOf(index + 1)];
    const kept = (ROWS + more) >> 1;
    rows.pack(next);
    rows.shiftUp(next, more, ROWS - kept);
    rows.append(next, 0, start + kept, start + ROWS);
    rows.spread(next, more + ROWS - kept);
    rows.spread(start, kept);
    this.directory.setMin(index + 1, rows.keys[next] as number);
    const wider = Math.max(directory.widest[index] as number, directory.widest[index + 1] as number);
    directory.widest[index] = wider;
    directory.widest[index + 1] = wider;
    return true;
  }

  #addChunk(index: number, min: number, widest: number): number {
    if (this.rows.isFull) this.#makeRoom();
    this.#ownDirectory();
    const chunk = this.rows.take(this.#stamp);
    this.directory.insert(index, min, chunk, widest);
    return chunk;
  }

  #removeChunk(index: number): void {
    this.#ownDirectory();
    const chunk = this.directory.chunks[index] as number;
    if (this.rows.owners[chunk] === this.#stamp) this.rows.give(chunk);
    this.directory.remove(index);
  }

  /**
   * Makes the chunk at `index` this store's alone.
   * @returns false: there was no room; there is now, and chunks may have other numbers
   */
  own(index: number): boolean {
    if (!this.isShared) return true;
    const { rows, directory } = this;
    const chunk = directory.chunks[index] as number;
    if (rows.owners[chunk] === this.#stamp) return true;
    if (rows.isFull) {
      this.#makeRoom();
      return false;
    }
    this.#ownDirectory();
    const copy = rows.take(this.#stamp);
    rows.copyChunk(copy, rows, chunk);
    this.directory.chunks[index] = copy;
    return true;
  }

  #ownDirectory(): void {
    if (this.#ownsDirectory) return;
    this.directory = this.directory.copy();
    this.#ownsDirectory = true;
  }

  /** A shared arena is left to the snapshots that use it: what a store still wants of it goes to a new one. */
  #makeRoom(): void {
    const { count } = this.directory;
    if (!this.isShared) {
      this.rows.grow(this.rows.capacity + Math.max(1, this.rows.capacity >> 1));
      return;
    }
    this.#ownDirectory();
    const old = this.rows;
    const { chunks } = this.directory;
    this.rows = new AreaRows(count + Math.max(1, count >> 1));
    this.#stamp = this.rows.newStamp();
    for (let index = 0; index < count; index++) {
      const chunk = this.rows.take(this.#stamp);
      this.rows.copyChunk(chunk, old, chunks[index] as number);
      chunks[index] = chunk;
    }
    this.isShared = false;
  }

  #setRuns(row: number, runs: readonly Run[]): void {
    this.#ownRuns();
    this.runs.set(this.rows.first(row), runs);
    this.rows.setHasRuns(row);
  }

  #dropRuns(row: number): void {
    this.#ownRuns();
    this.runs.delete(this.rows.first(row));
  }

  #ownRuns(): void {
    if (!this.#ownsRuns) this.runs = new Map(this.runs);
    this.#ownsRuns = true;
  }
}
