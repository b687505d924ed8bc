/**
 * The mapped ranges ("areas") of one space: disjoint closed intervals in order of address.
 *
 * Exact 64-bit. This is how the rest of the engine sees them, with bigints and objects; the columns are in
 * area-rows.ts, the hot path in area-fold.ts. Not thread-safe; the owner is one `Space`.
 *
 * The kernel's counterpart is io_pagetable's area_itree (drivers/iommu/iommufd/io_pagetable.c).
 */
import type { Iova } from "./address.ts";
import { type Area, areaOf, clipRuns, type Span } from "./area.ts";
import { foldAreas, foldAreasWhileRight } from "./area-fold.ts";
import { hiOf, loOf } from "./area-rows.ts";
import { AreaStore } from "./area-store.ts";
import type { AreaWatcher } from "./area-watcher.ts";
import type { EventBatch } from "./event-batch.ts";
import { columnsOf, type Halves } from "./halves.ts";
import type { Run } from "./source.ts";

const SPACE_END = 1n << 64n;

export class AreaTable {
  #store: AreaStore;

  constructor(store = new AreaStore()) {
    this.#store = store;
  }

  /** Number of areas. */
  get size(): number {
    return this.#store.size;
  }

  set watcher(watcher: AreaWatcher | null) {
    this.#store.watcher = watcher;
  }

  /** A table with the same areas, at once; what changes in one of the two later is copied then. Nobody watches it. */
  snapshot(): AreaTable {
    return new AreaTable(this.#store.snapshot());
  }

  /** Folds the rows `[from, to)` of `batch`, which are maps, unmaps and refusals of this space. */
  fold(batch: EventBatch, from: number, to: number): void {
    foldAreas(this.#store, batch, from, to);
  }

  /**
   * The same up to the first event that may contradict what is mapped, which is not folded.
   * @returns its row, or `to`
   */
  foldWhileRight(batch: EventBatch, from: number, to: number): number {
    return foldAreasWhileRight(this.#store, batch, from, to);
  }

  /** Whether any byte of `[iova, last]` is mapped. */
  overlaps(iova: bigint, last: bigint): boolean {
    return !this.#store.isFree(hiOf(iova), loOf(iova), hiOf(last), loOf(last));
  }

  /** Whether one area holds every byte of `[iova, last]`. */
  covers(iova: bigint, last: bigint): boolean {
    const row = this.#store.floor(hiOf(iova), loOf(iova));
    return row >= 0 && this.#store.rows.reaches(row, hiOf(last), loOf(last));
  }

  /** `covers` of the range in row `from` of columns, without a bigint. */
  coversRow({ iova, last }: Halves, from: number): boolean {
    const store = this.#store;
    const [hi, lo] = [iova[2 * from + 1] as number, iova[2 * from] as number];
    const row = store.floor(hi, lo);
    return row >= 0 && store.rows.reaches(row, last[2 * from + 1] as number, last[2 * from] as number);
  }

  /** Whether an area reaches across an end of `[iova, last]`: it begins below and goes on inside, or goes on above. */
  isCutBy(iova: bigint, last: bigint): boolean {
    const store = this.#store;
    const below = store.floor(hiOf(iova), loOf(iova));
    if (below >= 0 && store.rows.first(below) < iova && store.rows.last(below) >= iova) return true;
    const above = store.floor(hiOf(last), loOf(last));
    return above >= 0 && store.rows.last(above) > last;
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
    this.#store.insert(columnsOf(iova, last, value), 0, traits, version, fd, runs, version);
  }

  /** As `insert`, of the range in row `from` of columns: for readers of columns, who make no bigint for each area. */
  insertRow(
    columns: Halves,
    from: number,
    traits: number,
    fd: number,
    runs: readonly Run[] | null,
    version: number,
  ): void {
    this.#store.insert(columns, from, traits, version, fd, runs, version);
  }

  /**
   * Unmaps whatever is mapped in `[iova, last]`; an area that sticks out is cut.
   * @returns the number of bytes that were mapped there
   */
  remove(iova: bigint, last: bigint): bigint {
    return this.#store.remove(hiOf(iova), loOf(iova), hiOf(last), loOf(last), 0);
  }

  /** Unmaps the whole area that holds `iova`: its range, or null where there is none. */
  take(iova: bigint): { readonly first: bigint; readonly last: bigint } | null {
    const row = this.#holding(iova);
    if (row < 0) return null;
    const { rows } = this.#store;
    const taken = { first: rows.first(row), last: rows.last(row) };
    this.remove(taken.first, taken.last);
    return taken;
  }

  /** The area that holds `iova`, or null. */
  at(iova: bigint): Area | null {
    const row = this.#holding(iova);
    return row < 0 ? null : this.#area(row);
  }

  /** The lowest area that touches `[iova, last]`, or null. */
  lowestIn(iova: bigint, last: bigint): Area | null {
    const row = this.#store.lowest(hiOf(iova), loOf(iova));
    return row < 0 || this.#store.rows.first(row) > last ? null : this.#area(row);
  }

  /** Areas that touch `[iova, last]`, ascending, as they are now. */
  list(iova: bigint, last: bigint): Area[] {
    return this.#rowsIn(iova, last).map((row) => this.#area(row));
  }

  /** Their ranges alone, which cost less. */
  spans(iova: bigint, last: bigint): Span[] {
    const { rows } = this.#store;
    return this.#rowsIn(iova, last).map((row) => ({ iova: rows.first(row) as Iova, last: rows.last(row) as Iova }));
  }

  #rowsIn(iova: bigint, last: bigint): number[] {
    const store = this.#store;
    const found: number[] = [];
    const [lastHi, lastLo] = [hiOf(last), loOf(last)];
    for (let row = store.lowest(hiOf(iova), loOf(iova)); row >= 0; row = store.after(row)) {
      if (!store.rows.beginsUpTo(row, lastHi, lastLo)) break;
      found.push(row);
    }
    return found;
  }

  /** Areas that touch `[iova, last]`, ascending. The table must not change meanwhile. */
  *in(iova: bigint, last: bigint): Generator<Area> {
    const store = this.#store;
    let row = store.lowest(hiOf(iova), loOf(iova));
    while (row >= 0 && store.rows.first(row) <= last) {
      const { index } = store;
      yield this.#area(row);
      // Whoever takes the areas one by one may ask the table between two of them.
      store.index = index;
      row = store.after(row);
    }
  }

  /**
   * Visits the areas that touch `[iova, last]`, ascending and without an object for each, until `visit` answers true.
   * @returns whether it did
   */
  someIn(iova: bigint, last: bigint, visit: (iova: bigint, last: bigint, version: number) => boolean): boolean {
    const store = this.#store;
    const { rows } = store;
    for (let row = store.lowest(hiOf(iova), loOf(iova)); row >= 0; ) {
      const first = rows.first(row);
      if (first > last) return false;
      const { index } = store;
      if (visit(first, rows.last(row), rows.version(row))) return true;
      store.index = index;
      row = store.after(row);
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
    const store = this.#store;
    const { rows } = store;
    const row = store.lowest(hiOf(first), loOf(first));
    if (row < 0) return accept(first, last);
    let { index } = store;
    const lowest = rows.first(row);
    if (lowest > last) return accept(first, last);
    const below = lowest > first ? accept(first, lowest - 1n) : null;
    if (below !== null) return below;
    const wanted = Number(length);
    const { directory } = store;
    const { widest } = directory;
    for (let from = row; index < directory.count; index++, from = -1) {
      if ((widest[index] as number) < wanted) continue;
      const start = store.startOf(index);
      const lowestRow = rows.liveFrom(start, start);
      if (from < 0 && rows.first(lowestRow) > last) return null;
      const taken = this.#freeAfter(index, from < 0 ? lowestRow : from, lowestRow, last, accept);
      if (taken !== null) return taken;
    }
    return null;
  }

  /** `firstFree` in one chunk: the gaps behind its rows from `row` on. Learns how wide they are. */
  #freeAfter<T>(
    index: number,
    from: number,
    lowestRow: number,
    last: bigint,
    accept: (first: bigint, last: bigint) => T | null,
  ): T | null {
    const store = this.#store;
    const { rows, directory } = store;
    const start = store.startOf(index);
    let widest = 0;
    for (let row = from; row >= 0; ) {
      const free = rows.last(row) + 1n;
      const above = rows.liveFrom(start, row + 1);
      let next = SPACE_END;
      if (above >= 0) next = rows.first(above);
      else if (index + 1 < directory.count) {
        const following = store.startOf(index + 1);
        next = rows.first(rows.liveFrom(following, following));
      }
      row = above;
      if (next === free) continue;
      widest = Math.max(widest, Number(next - free));
      if (free > last) return null;
      const taken = accept(free, next > last ? last : next - 1n);
      if (taken !== null) return taken;
    }
    if (from === lowestRow) directory.widest[index] = widest;
    return null;
  }

  /** All areas, ascending. The table must not change meanwhile. */
  all(): Generator<Area> {
    return this.in(0n, SPACE_END - 1n);
  }

  /**
   * Areas ascending in the form that `insert` takes, each counted from its present start: those from `from` on, so
   * many at most.
   * @returns the first byte of the next one, null behind the last
   */
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
    from = 0n,
    areasMax = Number.POSITIVE_INFINITY,
  ): bigint | null {
    const store = this.#store;
    const { rows } = store;
    let visited = 0;
    for (let row = store.lowest(hiOf(from), loOf(from)); row >= 0; row = store.after(row)) {
      const first = rows.first(row);
      if (visited++ === areasMax) return first;
      const last = rows.last(row);
      const runs = clipRuns(store.runsOf(row), first, last);
      visit(first, last, rows.traits(row), rows.value(row), rows.fd(row), runs, rows.version(row));
    }
    return null;
  }

  /** The nearest area wholly below `iova`, or null. */
  below(iova: bigint): Area | null {
    if (iova === 0n) return null;
    const store = this.#store;
    let row = store.floor(hiOf(iova - 1n), loOf(iova - 1n));
    if (row < 0) return null;
    if (store.rows.last(row) >= iova) {
      const first = store.rows.first(row);
      row = first === 0n ? -1 : store.floor(hiOf(first - 1n), loOf(first - 1n));
    }
    return row < 0 ? null : this.#area(row);
  }

  /** The nearest area wholly above `iova`, or null. */
  above(iova: bigint): Area | null {
    const store = this.#store;
    let row = store.lowest(hiOf(iova), loOf(iova));
    if (row >= 0 && store.rows.first(row) <= iova) row = store.after(row);
    return row < 0 ? null : this.#area(row);
  }

  clear(): void {
    const store = this.#store;
    const { watcher } = store;
    if (watcher !== null)
      for (let row = store.lowest(0, 0); row >= 0; row = store.after(row)) watcher.gone(store, row, 0);
    this.#store = new AreaStore();
    this.#store.watcher = watcher;
  }

  /** The row of the area that holds `iova`; -1 if none. */
  #holding(iova: bigint): number {
    const [hi, lo] = [hiOf(iova), loOf(iova)];
    const row = this.#store.floor(hi, lo);
    return row >= 0 && this.#store.rows.reaches(row, hi, lo) ? row : -1;
  }

  #area(row: number): Area {
    return areaOf(this.#store, row);
  }
}
