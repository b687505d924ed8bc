/** Automatic IOVAs: deterministic first fit, lowest address (io_pagetable.c: iopt_alloc_iova). */
import { type Iova, U64_MAX } from "../address.ts";
import type { Environment } from "../profile/environment.ts";
import { holes, intersection, merged, type Range } from "../range.ts";
import type { Space } from "../state.ts";
import type { Refusal } from "./outcome.ts";

const REFUSED = {
  length: { errno: "EOVERFLOW", rule: "iopt_alloc_iova: no length, or half the space and more" },
  alignment: { errno: "EINVAL", rule: "iopt_alloc_iova: the source is less aligned than the ioas demands" },
  space: { errno: "ENOSPC", rule: "iopt_alloc_iova: no hole is large enough" },
} as const satisfies Record<string, Refusal>;

/**
 * The IOVA that the kernel picks for `length` bytes whose source starts at `start` (a user address or
 * a file offset). `alignment`: the space's.
 */
export function chooseIova(
  space: Space,
  start: bigint,
  length: bigint,
  alignment: bigint,
  { pageSize, hugePageSize }: Environment,
): Iova | Refusal {
  if (length === 0n || length >= U64_MAX / 2n) return REFUSED.length;
  const wanted = wantedAlignment(start, length, hugePageSize);
  if (wanted < alignment) return REFUSED.alignment;
  const offset = start & (pageSize - 1n);
  const fit = (first: bigint, last: bigint): bigint | null => {
    const from = ((first + wanted - 1n) & -wanted) | offset;
    // A range whose first fitting byte is its last one is never used, not even for one byte.
    return from > U64_MAX || from >= last || last - from < length - 1n ? null : from;
  };
  for (const range of searched(space, pageSize)) {
    const from = fit(range.first, range.last);
    if (from === null) continue;
    for (const free of holes(space.reservations, { first: from as Iova, last: range.last })) {
      const found = space.areas.firstFree(free.first, free.last, length, fit);
      if (found !== null) return found as Iova;
    }
  }
  return REFUSED.space;
}

/** As much of the source's alignment as a huge page could use. */
function wantedAlignment(start: bigint, length: bigint, hugePageSize: bigint): bigint {
  const ofLength = length === 1n ? 1n : 1n << BigInt((length - 1n).toString(2).length);
  const ofStart = start === 0n ? ofLength : start & -start;
  const wanted = ofStart < ofLength ? ofStart : ofLength;
  return wanted < hugePageSize ? wanted : hugePageSize;
}

/** The allowed ranges without the first and the last page of the space, ascending. */
function searched(space: Space, pageSize: bigint): Range[] {
  const inner: Range = { first: pageSize as Iova, last: (U64_MAX - pageSize) as Iova };
  if (space.allowed.length === 0) return [inner];
  return merged(space.allowed).flatMap((range) => intersection(range, inner) ?? []);
}
