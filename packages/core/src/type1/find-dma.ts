/** Look-ups of mappings as the driver makes them. */
import { U64_MAX } from "../address.ts";
import type { Area } from "../area.ts";
import type { Driver } from "./state.ts";

/**
 * A mapping that shares a byte with `[first, last]`, or null (vfio_find_dma). The driver compares with
 * first + size, which is 0 when the range ends at 2^64-1: such a range finds nothing.
 */
export function findDma({ mappings }: Pick<Driver, "mappings">, first: bigint, last: bigint): Area | null {
  if (last === U64_MAX) return null;
  return mappings.lowestIn(first, last);
}

/** Whether there is one. */
export function overlapsDma({ mappings }: Pick<Driver, "mappings">, first: bigint, last: bigint): boolean {
  return last !== U64_MAX && mappings.overlaps(first, last);
}

/** Whether the range begins inside a mapping, or ends inside one (the checks of v2 unmaps and of bitmaps). */
export function bisects(driver: Driver, first: bigint, last: bigint): boolean {
  // Only a range that touches the top of the space is looked up otherwise than it is mapped.
  if (first <= last && last !== U64_MAX) return driver.mappings.isCutBy(first, last);
  const below = findDma(driver, first, first);
  if (below !== null && below.iova !== first) return true;
  const above = findDma(driver, last, last);
  return above !== null && above.last !== last;
}
