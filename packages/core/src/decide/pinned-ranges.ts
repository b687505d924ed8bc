/** How often each byte of one pages object is pinned (pages.c: iopt_pages, its domains_itree and access_itree). */
import type { Iova } from "../address.ts";
import { assert } from "../assert.ts";
import type { Range } from "../range.ts";

/** A stretch of bytes that are all pinned `count` times. */
interface Part extends Range {
  readonly count: number;
}

export class PinnedRanges {
  /** Disjoint and ascending; neighbours that touch differ in their count. */
  readonly #parts: Part[] = [];

  get isEmpty(): boolean {
    return this.#parts.length === 0;
  }

  /** @returns the bytes of the range that nobody had pinned */
  pin({ first, last }: Range): bigint {
    return this.#change(first, last, 1);
  }

  /** The range has been pinned as it is given. @returns the bytes of it that nobody has pinned now */
  unpin({ first, last }: Range): bigint {
    return this.#change(first, last, -1);
  }

  /** What of the range nobody has pinned, ascending. */
  missing({ first, last }: Range): Range[] {
    const missing: Range[] = [];
    let next: bigint = first;
    for (let at = this.#lowest(first); at < this.#parts.length; at++) {
      const part = this.#parts[at] as Part;
      if (part.first > last) break;
      if (part.first > next) missing.push({ first: next as Iova, last: (part.first - 1n) as Iova });
      next = part.last + 1n;
    }
    if (next <= last) missing.push({ first: next as Iova, last });
    return missing;
  }

  #change(first: bigint, last: bigint, by: 1 | -1): bigint {
    const parts = this.#parts;
    const lowest = this.#lowest(first);
    // The neighbours come along: what changes may become one with them.
    const from = Math.max(0, lowest - 1);
    const changed: Part[] = lowest > 0 ? [parts[lowest - 1] as Part] : [];
    let [next, bytes] = [first, 0n];
    let to = lowest;
    for (; to < parts.length; to++) {
      const part = parts[to] as Part;
      if (part.first > last) break;
      const [start, end] = [max(part.first, first), min(part.last, last)];
      append(changed, part.first, start - 1n, part.count);
      if (next < start) bytes += this.#pinGap(changed, next, start - 1n, by);
      append(changed, start, end, part.count + by);
      if (part.count + by === 0) bytes += end - start + 1n;
      append(changed, end + 1n, part.last, part.count);
      next = end + 1n;
    }
    if (next <= last) bytes += this.#pinGap(changed, next, last, by);
    const above = parts[to];
    if (above !== undefined) append(changed, above.first, above.last, above.count);
    parts.splice(from, to + (above === undefined ? 0 : 1) - from, ...changed);
    return bytes;
  }

  #pinGap(changed: Part[], first: bigint, last: bigint, by: 1 | -1): bigint {
    assert(by === 1, "what is unpinned was pinned");
    append(changed, first, last, 1);
    return last - first + 1n;
  }

  /** Position of the lowest part whose last byte is at or above `first`. */
  #lowest(first: bigint): number {
    let [low, high] = [0, this.#parts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#parts[middle] as Part).last < first) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Nothing for an empty range or one that nobody pins; part of the last one where it goes on alike. */
function append(parts: Part[], first: bigint, last: bigint, count: number): void {
  if (first > last || count === 0) return;
  const top = parts.at(-1);
  if (top !== undefined && top.last + 1n === first && top.count === count)
    parts[parts.length - 1] = { first: top.first, last: last as Iova, count };
  else parts.push({ first: first as Iova, last: last as Iova, count });
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
