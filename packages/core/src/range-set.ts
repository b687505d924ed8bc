/** A growing set of bytes of one space, kept as few disjoint ranges that never touch. */
import { type Iova, U64_MAX } from "./address.ts";
import { AreaTable } from "./area-table.ts";
import type { Halves } from "./halves.ts";
import type { Range } from "./range.ts";

export class RangeSet {
  readonly #table: AreaTable;

  constructor(table = new AreaTable()) {
    this.#table = table;
  }

  /** A set of the same bytes that goes its own way from here. */
  snapshot(): RangeSet {
    return new RangeSet(this.#table.snapshot());
  }

  /** Adds `[first, last]`; cheap where it is in the set already. */
  add(first: bigint, last: bigint): void {
    const table = this.#table;
    if (table.covers(first, last)) return;
    // What overlaps or touches the new range becomes one with it.
    const from = first > 0n ? first - 1n : first;
    const to = last < U64_MAX ? last + 1n : last;
    let low = first;
    let high = last;
    for (const { iova, last: end } of table.in(from, to)) {
      if (iova < low) low = iova;
      if (end > high) high = end;
    }
    table.remove(low, high);
    table.insert(low, high, 0, 0n, -1, null, 0);
  }

  /** Whether every byte of `[first, last]` is in the set. */
  covers(first: bigint, last: bigint): boolean {
    return this.#table.covers(first, last);
  }

  /** `covers` of the range in row `row` of columns, without a bigint. */
  coversRow(columns: Halves, row: number): boolean {
    return this.#table.coversRow(columns, row);
  }

  /** Whether any byte of `[first, last]` is in the set. */
  overlaps(first: bigint, last: bigint): boolean {
    return this.#table.overlaps(first, last);
  }

  /** Of the set's ranges those that touch `[first, last]`, whole and ascending. */
  in(first: bigint, last: bigint): Range[] {
    return Array.from(this.#table.in(first, last), ({ iova, last: end }) => ({ first: iova, last: end }));
  }

  ranges(): Range[] {
    return [...this.#table.all()].map(({ iova, last }) => ({ first: iova as Iova, last }));
  }
}
