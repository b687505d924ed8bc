/**
 * The mapped ranges ("areas") of one space: disjoint closed intervals in order of address.
 *
 * A sorted list of chunks of at most 128 rows in typed arrays; a directory of the chunks' first
 * addresses is searched by bisection, then the chunk. What an area carries beside its range sits
 * in an arena of slots that a chunk row points to, so that keeping the order moves 20 bytes a row.
 * Exact 64-bit. Not thread-safe; the owner is one `Space`.
 *
 * The kernel's counterpart is io_pagetable's area_itree (drivers/iommu/iommufd/io_pagetable.c).
 */
import { Chunk, ROWS_MAX, type Span, spanOf } from "./area-chunk.ts";
import { type Area, AreaSlots, clipRuns } from "./area-slots.ts";
import type { Run } from "./source.ts";

const SPACE_END = 1n << 64n;

export class AreaTable {
  /** Number of areas. */
  size = 0;
  /** Is told of every area that comes (1) or goes (-1); of one that is cut, that it goes and its rest comes. */
  watcher: ((area: Area, change: 1 | -1) => void) | null = null;
  #chunks: Chunk[] = [];
  /** First address of each chunk. */
  #firsts: bigint[] = [];
  /**
   * No gap behind a row of the chunk (the gap up to the next chunk included) has more bytes than this, rounded as
   * `Number` does. Removing areas makes it Infinity; a search that walks the whole chunk finds out anew.
   */
  #widest: number[] = [];
  readonly #slots = new AreaSlots();

  /** Whether any byte of `[iova, last]` is mapped. */
  overlaps(iova: bigint, last: bigint): boolean {
    const position = this.#lowest(iova);
    return position !== null && (position.chunk.iova[position.row] as bigint) <= last;
  }

  /** Whether one area holds every byte of `[iova, last]`. */
  covers(iova: bigint, last: bigint): boolean {
    const position = this.#lowest(iova);
    if (position === null) return false;
    const { chunk, row } = position;
    return (chunk.iova[row] as bigint) <= iova && (chunk.last[row] as bigint) >= last;
  }

  /** Whether `[iova, last]` is one area, neither more nor less. */
  isArea(iova: bigint, last: bigint): boolean {
    const position = this.#lowest(iova);
    if (position === null) return false;
    const { chunk, row } = position;
    return chunk.iova[row] === iova && chunk.last[row] === last;
  }

  /** Whether an area reaches across an end of `[iova, last]`: it begins below and goes on inside, or goes on above. */
  isCutBy(iova: bigint, last: bigint): boolean {
    const below = this.#lowest(iova);
    if (below === null) return false;
    if ((below.chunk.iova[below.row] as bigint) < iova) return true;
    if ((below.chunk.last[below.row] as bigint) === last) return false;
    const above = this.#lowest(last);
    if (above === null) return false;
    const { chunk, row } = above;
    return (chunk.iova[row] as bigint) <= last && (chunk.last[row] as bigint) > last;
  }

  /**
   * Adds `[iova, last]`, which must be free (`overlaps` is false).
   * `traits`, `value`, `fd`, `runs`: as in `EventBatch`.
   */
  insert(
    iova: bigint,
    last: bigint,
    traits: number,
    value: bigint,
    fd: number,
    runs: readonly Run[] | null,
    version: number,
  ): void {
    const slots = this.#slots;
    const slot = slots.take();
    slots.traits[slot] = traits;
    slots.value[slot] = value;
    slots.fd[slot] = fd;
    slots.version[slot] = version;
    slots.origin[slot] = iova;
    if (runs !== null) slots.runs.set(slot, runs);
    this.#place(iova, last, slot);
    this.watcher?.(slots.area(slot, iova, last), 1);
  }

  /**
   * Unmaps whatever is mapped in `[iova, last]`; an area that sticks out is cut.
   * @returns the number of bytes that were mapped there
   */
  remove(iova: bigint, last: bigint): bigint {
    let bytes = 0n;
    for (;;) {
      const position = this.#lowest(iova);
      if (position === null) return bytes;
      const { chunk, row, index } = position;
      const areaFirst = chunk.iova[row] as bigint;
      if (areaFirst > last) return bytes;
      const areaLast = chunk.last[row] as bigint;
      const slot = chunk.slot[row] as number;
      const cutFirst = areaFirst < iova ? iova : areaFirst;
      const cutLast = areaLast > last ? last : areaLast;
      bytes += cutLast - cutFirst + 1n;
      this.#widen(index, row);
      if (this.watcher !== null) {
        this.watcher(this.#slots.area(slot, areaFirst, areaLast), -1);
        if (areaFirst < iova) this.watcher(this.#slots.area(slot, areaFirst, iova - 1n), 1);
        if (areaLast > last) this.watcher(this.#slots.area(slot, last + 1n, areaLast), 1);
      }
      if (areaFirst < iova) {
        chunk.last[row] = iova - 1n;
        if (areaLast > last) {
          this.#place(last + 1n, areaLast, this.#slots.copy(slot));
          return bytes;
        }
      } else if (areaLast > last) {
        chunk.iova[row] = last + 1n;
        if (row === 0) this.#firsts[index] = last + 1n;
        return bytes;
      } else {
        this.#slots.give(slot);
        this.#erase(index, row);
      }
      if (areaLast >= last) return bytes;
    }
  }

  /** Unmaps the whole area that holds `iova`: its range, or null where there is none. */
  take(iova: bigint): { readonly first: bigint; readonly last: bigint } | null {
    const position = this.#lowest(iova);
    if (position === null) return null;
    const { chunk, row, index } = position;
    const first = chunk.iova[row] as bigint;
    if (first > iova) return null;
    const last = chunk.last[row] as bigint;
    this.#slots.give(chunk.slot[row] as number);
    this.#erase(index, row);
    return { first, last };
  }

  /** The area that holds `iova`, or null. */
  at(iova: bigint): Area | null {
    return this.lowestIn(iova, iova);
  }

  /** The lowest area that touches `[iova, last]`, or null. */
  lowestIn(iova: bigint, last: bigint): Area | null {
    const position = this.#lowest(iova);
    if (position === null || (position.chunk.iova[position.row] as bigint) > last) return null;
    return this.#area(position.chunk, position.row);
  }

  /** Areas that touch `[iova, last]`, ascending, as they are now. */
  list(iova: bigint, last: bigint): Area[] {
    return this.#collect(iova, last, (chunk, row) => this.#area(chunk, row));
  }

  /** Their ranges alone, which cost less. */
  spans(iova: bigint, last: bigint): Span[] {
    return this.#collect(iova, last, spanOf);
  }

  #collect<T>(iova: bigint, last: bigint, made: (chunk: Chunk, row: number) => T): T[] {
    const areas: T[] = [];
    const position = this.#lowest(iova);
    if (position === null) return areas;
    let row = position.row;
    for (let index = position.index; index < this.#chunks.length; index++, row = 0) {
      const chunk = this.#chunks[index] as Chunk;
      for (; row < chunk.length; row++) {
        if ((chunk.iova[row] as bigint) > last) return areas;
        areas.push(made(chunk, row));
      }
    }
    return areas;
  }

  /** Areas that touch `[iova, last]`, ascending. */
  *in(iova: bigint, last: bigint): Generator<Area> {
    const position = this.#lowest(iova);
    if (position === null) return;
    let row = position.row;
    for (let index = position.index; index < this.#chunks.length; index++, row = 0) {
      const chunk = this.#chunks[index] as Chunk;
      for (; row < chunk.length; row++) {
        if ((chunk.iova[row] as bigint) > last) return;
        yield this.#area(chunk, row);
      }
    }
  }

  /**
   * Visits the areas that touch `[iova, last]`, ascending and without an object for each, until `visit` answers true.
   * @returns whether it did
   */
  someIn(iova: bigint, last: bigint, visit: (iova: bigint, last: bigint, version: number) => boolean): boolean {
    const position = this.#lowest(iova);
    if (position === null) return false;
    let row = position.row;
    for (let index = position.index; index < this.#chunks.length; index++, row = 0) {
      const chunk = this.#chunks[index] as Chunk;
      for (; row < chunk.length; row++) {
        const first = chunk.iova[row] as bigint;
        if (first > last) return false;
        const version = this.#slots.version[chunk.slot[row] as number] as number;
        if (visit(first, chunk.last[row] as bigint, version)) return true;
      }
    }
    return false;
  }

  /**
   * Offers the free ranges inside `[first, last]` to `accept`, ascending, until it takes one. Ranges of fewer than
   * `length` bytes need not be offered: chunks whose gaps are all shorter are passed over.
   * @returns what `accept` made of the one it took, or null
   */
  firstFree<T>(
    first: bigint,
    last: bigint,
    length: bigint,
    accept: (first: bigint, last: bigint) => T | null,
  ): T | null {
    const position = this.#lowest(first);
    if (position === null) return accept(first, last);
    const lowest = position.chunk.iova[position.row] as bigint;
    if (lowest > last) return accept(first, last);
    const below = lowest > first ? accept(first, lowest - 1n) : null;
    if (below !== null) return below;
    const wanted = Number(length);
    let row = position.row;
    for (let index = position.index; index < this.#chunks.length; index++, row = 0) {
      if ((this.#widest[index] as number) < wanted) continue;
      if ((this.#firsts[index] as bigint) > last) return null;
      const taken = this.#freeAfter(index, row, last, accept);
      if (taken !== null) return taken;
    }
    return null;
  }

  /** `firstFree` in one chunk: the gaps behind its rows from `row` on. Learns how wide they are. */
  #freeAfter<T>(index: number, row: number, last: bigint, accept: (first: bigint, last: bigint) => T | null): T | null {
    const chunk = this.#chunks[index] as Chunk;
    let widest = 0;
    for (let at = row; at < chunk.length; at++) {
      const from = (chunk.last[at] as bigint) + 1n;
      const next = at + 1 < chunk.length ? (chunk.iova[at + 1] as bigint) : (this.#firsts[index + 1] ?? SPACE_END);
      if (next === from) continue;
      widest = Math.max(widest, Number(next - from));
      if (from > last) return null;
      const taken = accept(from, next > last ? last : next - 1n);
      if (taken !== null) return taken;
    }
    if (row === 0) this.#widest[index] = widest;
    return null;
  }

  /** All areas, ascending. */
  *all(): Generator<Area> {
    for (const chunk of this.#chunks) for (let row = 0; row < chunk.length; row++) yield this.#area(chunk, row);
  }

  /** All areas ascending in the form that `insert` takes, each counted from its present start. */
  forEach(
    visit: (
      iova: bigint,
      last: bigint,
      traits: number,
      value: bigint,
      fd: number,
      runs: readonly Run[] | null,
      version: number,
    ) => void,
  ): void {
    const { traits, value, fd, version, origin, runs } = this.#slots;
    for (const chunk of this.#chunks)
      for (let row = 0; row < chunk.length; row++) {
        const slot = chunk.slot[row] as number;
        const first = chunk.iova[row] as bigint;
        const last = chunk.last[row] as bigint;
        const isKnown = (((traits[slot] as number) >> 2) & 0xf) !== 0;
        const skipped = isKnown ? first - (origin[slot] as bigint) : 0n;
        const list = runs.size === 0 ? null : clipRuns(runs.get(slot) ?? null, first, last);
        visit(
          first,
          last,
          traits[slot] as number,
          (value[slot] as bigint) + skipped,
          fd[slot] as number,
          list,
          version[slot] as number,
        );
      }
  }

  /** The nearest area wholly below `iova`, or null. */
  below(iova: bigint): Area | null {
    let index = this.#chunkOf(iova);
    for (; index >= 0; index--) {
      const chunk = this.#chunks[index] as Chunk;
      for (let row = chunk.length - 1; row >= 0; row--)
        if ((chunk.last[row] as bigint) < iova) return this.#area(chunk, row);
    }
    return null;
  }

  /** The nearest area wholly above `iova`, or null. */
  above(iova: bigint): Area | null {
    for (const area of this.in(iova, 0xffff_ffff_ffff_ffffn)) if (area.iova > iova) return area;
    return null;
  }

  clear(): void {
    if (this.watcher !== null) for (const area of this.all()) this.watcher(area, -1);
    for (const chunk of this.#chunks)
      for (let row = 0; row < chunk.length; row++) this.#slots.give(chunk.slot[row] as number);
    this.#chunks = [];
    this.#firsts = [];
    this.#widest = [];
    this.size = 0;
  }

  #area(chunk: Chunk, row: number): Area {
    const slot = chunk.slot[row] as number;
    return this.#slots.area(slot, chunk.iova[row] as bigint, chunk.last[row] as bigint);
  }

  /** Index of the last chunk whose first address is at or below `iova`; -1 if none. */
  #chunkOf(iova: bigint): number {
    const firsts = this.#firsts;
    let low = 0;
    let high = firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((firsts[middle] as bigint) <= iova) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The lowest area whose last byte is at or above `iova`. */
  #lowest(iova: bigint): { chunk: Chunk; row: number; index: number } | null {
    let index = this.#chunkOf(iova);
    if (index >= 0) {
      const chunk = this.#chunks[index] as Chunk;
      const row = chunk.rowsUpTo(iova) - 1;
      if ((chunk.last[row] as bigint) >= iova) return { chunk, row, index };
      if (row + 1 < chunk.length) return { chunk, row: row + 1, index };
    }
    index++;
    const next = this.#chunks[index];
    return next === undefined ? null : { chunk: next, row: 0, index };
  }

  /** The area in this row shrinks or goes: the gaps before and behind it grow. */
  #widen(index: number, row: number): void {
    this.#widest[index] = Number.POSITIVE_INFINITY;
    if (row === 0 && index > 0) this.#widest[index - 1] = Number.POSITIVE_INFINITY;
  }

  #place(iova: bigint, last: bigint, slot: number): void {
    this.size++;
    let index = this.#chunkOf(iova);
    if (index < 0) {
      if (this.#chunks.length === 0) {
        this.#chunks.push(new Chunk());
        this.#firsts.push(iova);
        this.#widest.push(Number.POSITIVE_INFINITY);
      }
      index = 0;
    }
    let chunk = this.#chunks[index] as Chunk;
    if (chunk.length === ROWS_MAX) {
      this.#split(index);
      if ((this.#firsts[index + 1] as bigint) <= iova) index++;
      chunk = this.#chunks[index] as Chunk;
    }
    const row = chunk.insert(iova, last, slot);
    // Only a new lowest area gets here: the gap between it and the old one is nobody's yet.
    if (row === 0) {
      this.#firsts[index] = iova;
      this.#widest[index] = Number.POSITIVE_INFINITY;
    }
  }

  #erase(index: number, row: number): void {
    this.size--;
    const chunk = this.#chunks[index] as Chunk;
    chunk.erase(row);
    if (chunk.length === 0) {
      this.#chunks.splice(index, 1);
      this.#firsts.splice(index, 1);
      this.#widest.splice(index, 1);
    } else if (row === 0) this.#firsts[index] = chunk.iova[0] as bigint;
  }

  #split(index: number): void {
    const upper = (this.#chunks[index] as Chunk).split();
    this.#chunks.splice(index + 1, 0, upper);
    this.#firsts.splice(index + 1, 0, upper.iova[0] as bigint);
    this.#widest.splice(index + 1, 0, this.#widest[index] as number);
  }
}
