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
import type { Iova } from "./address.ts";
import { type Area, AreaSlots, clipRuns } from "./area-slots.ts";
import type { Run } from "./source.ts";

const ROWS_MAX = 128;

class Chunk {
  length = 0;
  readonly iova = new BigUint64Array(ROWS_MAX);
  readonly last = new BigUint64Array(ROWS_MAX);
  readonly slot = new Uint32Array(ROWS_MAX);
}

/** The range of an area. */
export type Span = Pick<Area, "iova" | "last">;

function spanOf({ iova, last }: Chunk, row: number): Span {
  return { iova: iova[row] as Iova, last: last[row] as Iova };
}

export class AreaTable {
  /** Number of areas. */
  size = 0;
  #chunks: Chunk[] = [];
  /** First address of each chunk. */
  #firsts: bigint[] = [];
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
    const position = this.#lowest(iova);
    if (position === null || (position.chunk.iova[position.row] as bigint) > iova) return null;
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
   * Offers the free ranges inside `[first, last]` to `accept`, ascending, until it takes one.
   * @returns what `accept` made of the one it took, or null
   */
  firstFree<T>(first: bigint, last: bigint, accept: (first: bigint, last: bigint) => T | null): T | null {
    const position = this.#lowest(first);
    let next = first;
    let row = position?.row ?? 0;
    for (let index = position?.index ?? this.#chunks.length; index < this.#chunks.length; index++, row = 0) {
      const chunk = this.#chunks[index] as Chunk;
      for (; row < chunk.length; row++) {
        const areaFirst = chunk.iova[row] as bigint;
        if (areaFirst > last) return accept(next, last);
        const taken = areaFirst > next ? accept(next, areaFirst - 1n) : null;
        if (taken !== null) return taken;
        next = (chunk.last[row] as bigint) + 1n;
        if (next > last) return null;
      }
    }
    return accept(next, last);
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
    for (const chunk of this.#chunks)
      for (let row = 0; row < chunk.length; row++) this.#slots.give(chunk.slot[row] as number);
    this.#chunks = [];
    this.#firsts = [];
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

  /** Number of rows of `chunk` whose first address is at or below `iova`. */
  #rowsUpTo(chunk: Chunk, iova: bigint): number {
    let low = 0;
    let high = chunk.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((chunk.iova[middle] as bigint) <= iova) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The lowest area whose last byte is at or above `iova`. */
  #lowest(iova: bigint): { chunk: Chunk; row: number; index: number } | null {
    let index = this.#chunkOf(iova);
    if (index >= 0) {
      const chunk = this.#chunks[index] as Chunk;
      const row = this.#rowsUpTo(chunk, iova) - 1;
      if ((chunk.last[row] as bigint) >= iova) return { chunk, row, index };
      if (row + 1 < chunk.length) return { chunk, row: row + 1, index };
    }
    index++;
    const next = this.#chunks[index];
    return next === undefined ? null : { chunk: next, row: 0, index };
  }

  #place(iova: bigint, last: bigint, slot: number): void {
    this.size++;
    let index = this.#chunkOf(iova);
    if (index < 0) {
      if (this.#chunks.length === 0) {
        this.#chunks.push(new Chunk());
        this.#firsts.push(iova);
      }
      index = 0;
    }
    let chunk = this.#chunks[index] as Chunk;
    if (chunk.length === ROWS_MAX) {
      this.#split(index);
      if ((this.#firsts[index + 1] as bigint) <= iova) index++;
      chunk = this.#chunks[index] as Chunk;
    }
    const row = this.#rowsUpTo(chunk, iova);
    chunk.iova.copyWithin(row + 1, row, chunk.length);
    chunk.last.copyWithin(row + 1, row, chunk.length);
    chunk.slot.copyWithin(row + 1, row, chunk.length);
    chunk.iova[row] = iova;
    chunk.last[row] = last;
    chunk.slot[row] = slot;
    chunk.length++;
    if (row === 0) this.#firsts[index] = iova;
  }

  #erase(index: number, row: number): void {
    this.size--;
    const chunk = this.#chunks[index] as Chunk;
    chunk.iova.copyWithin(row, row + 1, chunk.length);
    chunk.last.copyWithin(row, row + 1, chunk.length);
    chunk.slot.copyWithin(row, row + 1, chunk.length);
    chunk.length--;
    if (chunk.length === 0) {
      this.#chunks.splice(index, 1);
      this.#firsts.splice(index, 1);
    } else if (row === 0) this.#firsts[index] = chunk.iova[0] as bigint;
  }

  #split(index: number): void {
    const lower = this.#chunks[index] as Chunk;
    const upper = new Chunk();
    const half = ROWS_MAX >>> 1;
    upper.iova.set(lower.iova.subarray(half));
    upper.last.set(lower.last.subarray(half));
    upper.slot.set(lower.slot.subarray(half));
    upper.length = ROWS_MAX - half;
    lower.length = half;
    this.#chunks.splice(index + 1, 0, upper);
    this.#firsts.splice(index + 1, 0, upper.iova[0] as bigint);
  }
}
