/** What the calls ask of a space (io_pagetable.c). */
import type { Area } from "../area.ts";
import type { Environment } from "../profile/environment.ts";
import { overlaps, type Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { ContextState, Hwpt, Space } from "../state.ts";
import { pageTablesOf } from "./objects.ts";
import type { Refusal } from "./outcome.ts";

/** iopt_calculate_iova_alignment: the strictest of whoever uses the space; 1 when nobody does. */
export function alignmentOf(state: ContextState, space: Space, environment: Environment): bigint {
  let alignment = space.largePages ? 1n : environment.pageSize;
  for (const { pageSize } of pageTablesOf(state, space))
    if (pageSize !== null && pageSize > alignment) alignment = pageSize;
  for (const { ioas, pins } of state.accesses.values())
    if (pins && ioas === space.handle && environment.pageSize > alignment) alignment = environment.pageSize;
  return alignment;
}

/** The largest of the smallest pages of page tables; null where there are none. */
export function ioPageOf(tables: readonly Hwpt[]): bigint | null {
  let largest: bigint | null = null;
  for (const { pageSize } of tables) if (largest === null || (pageSize ?? 1n) > largest) largest = pageSize ?? 1n;
  return largest;
}

export const UNMAPPABLE: Refusal = { errno: "EINVAL", rule: "iommu_map: an area is no whole io page" };

/** `alignment` is a power of two. */
export function isAligned(value: bigint, alignment: bigint): boolean {
  return (value & (alignment - 1n)) === 0n;
}

/** iopt_check_iova_alignment: whether an area stops the alignment from rising to `alignment`. */
export function hasMisalignedArea(space: Space, alignment: bigint, pageSize: bigint): boolean {
  for (const area of space.areas.all()) if (isMisaligned(area, alignment, pageSize)) return true;
  return false;
}

function isMisaligned({ iova, last, source }: Area, alignment: bigint, pageSize: bigint): boolean {
  return !isAligned(iova | (last + 1n - iova) | pageOffset(source, pageSize), alignment);
}

/** Where in its page the first byte lies (area->page_offset); 0 where the source does not tell. */
export function pageOffset(source: Source, pageSize: bigint): bigint {
  return startOf(source) & (pageSize - 1n);
}

/** Address or file offset of the first byte. */
export function startOf(source: Source): bigint {
  switch (source.kind) {
    case "va":
    case "copy":
      return source.va;
    case "file":
    case "dmabuf":
      return source.start;
    case "gpa":
      return source.gpa;
    case "paddr":
      return source.paddr;
    default:
      return 0n;
  }
}

/** The last byte up to which `[first, last]` is mapped without a gap, or null where it is not even at its start. */
export function mappedUpTo(space: Space, first: bigint, last: bigint): bigint | null {
  let next = first;
  for (const area of space.areas.in(first, last)) {
    if (area.iova > next) break;
    next = area.last + 1n;
  }
  if (next === first) return null;
  return next - 1n < last ? next - 1n : last;
}

export function touchesReserved(space: Space, first: bigint, last: bigint): boolean {
  return space.reservations.some((reserved) => reserved.first <= last && reserved.last >= first);
}

/** iopt_reserve_iova: neither an area nor an allowed range may be in the way; other reservations may. */
export function canReserve(space: Space, range: Range): boolean {
  if (space.areas.overlaps(range.first, range.last)) return false;
  return !space.allowed.some((allowed) => overlaps(allowed, range));
}
