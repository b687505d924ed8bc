/** Closed ranges of IOVAs and small sorted sets of them. */
import { type Iova, U64_MAX } from "./address.ts";

/** `[first, last]`, both included. */
export interface Range {
  readonly first: Iova;
  readonly last: Iova;
}

export const WHOLE_SPACE: Range = { first: 0n as Iova, last: U64_MAX as Iova };

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** What `a` and `b` share, or null. */
export function intersection(a: Range, b: Range): Range | null {
  if (!overlaps(a, b)) return null;
  const later = a.first < b.first ? b : a;
  const sooner = b.last < a.last ? b : a;
  return { first: later.first, last: sooner.last };
}

/** Sorted by address, with overlapping and adjacent ranges joined. */
export function merged(ranges: Iterable<Range>): Range[] {
  const sorted = [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const result: { first: Iova; last: Iova }[] = [];
  for (const range of sorted) {
    const top = result.at(-1);
    if (top !== undefined && range.first <= top.last + 1n) {
      if (range.last > top.last) top.last = range.last;
    } else result.push({ first: range.first, last: range.last });
  }
  return result;
}

/** What of `[within.first, within.last]` no range of `ranges` covers, ascending. */
export function holes(ranges: Iterable<Range>, within: Range = WHOLE_SPACE): Range[] {
  const result: Range[] = [];
  let next: bigint = within.first;
  for (const range of merged(ranges)) {
    if (range.first > within.last) break;
    if (range.last < next) continue;
    if (range.first > next) result.push({ first: next as Iova, last: (range.first - 1n) as Iova });
    next = range.last + 1n;
  }
  if (next <= within.last) result.push({ first: next as Iova, last: within.last });
  return result;
}
