/** A growing set of bytes of one space, kept as few disjoint closed ranges. */
import type { Iova } from "./address.ts";
import type { Range } from "./range.ts";

export class RangeSet {
  /** First and last bytes alternate ascending; never adjacent. */
  #ends: bigint[] = [];

  add(first: bigint, last: bigint): void {
    const ends = this.#ends;
    let from = lowerBound(ends, first);
    let to = upperBound(ends, last);
    let low = first;
    let high = last;
    if (from % 2 === 1) low = ends[--from] as bigint;
    else if (from > 0 && (ends[from - 1] as bigint) === first - 1n) {
      from -= 2;
      low = ends[from] as bigint;
    }
    if (to % 2 === 1) high = ends[to++] as bigint;
    else if (to < ends.length && (ends[to] as bigint) === last + 1n) {
      high = ends[to + 1] as bigint;
      to += 2;
    }
    if (to - from === 2 && ends[from] === low && ends[from + 1] === high) return;
    ends.splice(from, to - from, low, high);
  }

  /** Whether every byte of `[first, last]` is in the set. */
  covers(first: bigint, last: bigint): boolean {
    const at = upperBound(this.#ends, first);
    return at % 2 === 1 && (this.#ends[at] as bigint) >= last;
  }

  ranges(): Range[] {
    const result: Range[] = [];
    for (let i = 0; i < this.#ends.length; i += 2)
      result.push({ first: this.#ends[i] as Iova, last: this.#ends[i + 1] as Iova });
    return result;
  }
}

/** Number of elements below `value`. */
function lowerBound(sorted: readonly bigint[], value: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as bigint) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Number of elements at or below `value`. */
function upperBound(sorted: readonly bigint[], value: bigint): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as bigint) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}
