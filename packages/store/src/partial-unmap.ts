/**
 * What an unmap that failed took away all the same.
 *
 * iommufd unmaps the areas of a range in ascending order and stops at the first that sticks out of
 * it: the call fails with ENOENT, and the whole areas before that one are gone (io_pagetable.c,
 * iopt_unmap_iova_range). No record prints them, but where the whole space is known they follow.
 */
import {
  byteLength,
  type ContextState,
  type Fact,
  type HotEvent,
  type IoasEvent,
  type IoasHandle,
  type Iova,
  lengthOf,
  U64_MAX,
} from "@ioasis/core";

/** The effect of the refused unmap `event`, or null where it had none or it cannot be told. */
export function partialUnmap(
  state: ContextState,
  event: IoasEvent,
  { errno, profile }: Pick<Fact, "errno" | "profile">,
): (HotEvent<IoasHandle> & { type: "IovaUnmapped" }) | null {
  if (event.type !== "UnmapRefused" || errno !== "ENOENT" || profile !== "iommufd") return null;
  const space = event.ioas === null ? undefined : state.spaces[event.ioas];
  const end = event.iova + event.length - 1n;
  if (space === undefined || !space.isAlive || !space.isWhole || event.length === 0n || end > U64_MAX) return null;
  let first: Iova | null = null;
  let last = event.iova;
  let bytes = 0n;
  for (const area of space.areas.in(event.iova, end)) {
    if (area.iova < event.iova || area.last > end) {
      if (first === null) return null;
      return { type: "IovaUnmapped", ioas: space.handle, iova: first, last, bytes: byteLength(bytes) };
    }
    first ??= area.iova;
    last = area.last;
    bytes += lengthOf(area.iova, area.last);
  }
  // Nothing sticks out: the refusal has another reason, which drift tells.
  return null;
}
