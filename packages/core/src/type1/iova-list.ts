/** The valid IOVA ranges of a container (iova_list): how attaches narrow them and detaches give back. */
import { type Iova, U64_MAX } from "../address.ts";
import type { AreaTable } from "../area-table.ts";
import { holes, overlaps, type Range } from "../range.ts";
import { findDma } from "./find-dma.ts";
import type { Domain } from "./state.ts";

interface Mapped {
  readonly mappings: AreaTable;
}

/** Whether an aperture would leave a mapping outside, or misses the list altogether (vfio_iommu_aper_conflict). */
export function apertureConflicts(iovas: readonly Range[], mapped: Mapped, aperture: Range): boolean {
  const [first, last] = ends(iovas);
  if (first === null || last === null) return false;
  if (!overlaps(aperture, { first, last })) return true;
  if (aperture.first > first && findDma(mapped, first, aperture.first - 1n) !== null) return true;
  return aperture.last < last && findDma(mapped, aperture.last + 1n, last) !== null;
}

/** The list clipped to an aperture (vfio_iommu_aper_resize). An empty list becomes the aperture. */
export function clipped(iovas: readonly Range[], aperture: Range): readonly Range[] {
  if (iovas.length === 0) return [aperture];
  const { first, last } = aperture;
  const above: Range[] = [];
  let isFound = false;
  for (const range of iovas) {
    // Ranges below the one that holds the new start go; it and all above stay.
    if (!isFound && first >= range.last) continue;
    above.push(!isFound && first >= range.first ? { first, last: range.last } : range);
    isFound = true;
  }
  return above.flatMap((range) => {
    if (last > range.last) return [range];
    return last > range.first ? [{ first: range.first, last }] : [];
  });
}

/** The list without reserved regions, to the byte (vfio_iommu_resv_exclude); null: nothing is left. */
export function without(iovas: readonly Range[], reserved: readonly Range[]): readonly Range[] | null {
  const left = iovas.flatMap((range) => holes(reserved, range));
  return left.length === 0 ? null : left;
}

/** The list with the outer limits of the domains that remain (vfio_iommu_aper_expand). */
export function expanded(iovas: readonly Range[], domains: readonly Domain[]): readonly Range[] {
  let first: bigint = 0n;
  let last: bigint = U64_MAX;
  for (const { aperture } of domains) {
    if (aperture.first > first) first = aperture.first;
    if (aperture.last < last) last = aperture.last;
  }
  return iovas.map((range, i) => ({
    first: i === 0 ? (first as Iova) : range.first,
    last: i === iovas.length - 1 ? (last as Iova) : range.last,
  }));
}

/**
 * The list made anew between its outermost bytes (vfio_iommu_resv_refresh): windows strictly inside
 * come back, what was cut off at an end does not. Null: nothing is left.
 */
export function refreshed(iovas: readonly Range[], reserved: readonly Range[]): readonly Range[] | null {
  const [first, last] = ends(iovas);
  return first === null || last === null ? null : without([{ first, last }], reserved);
}

/** vfio_iommu_iova_dma_valid */
export function isValid(iovas: readonly Range[], first: bigint, last: bigint): boolean {
  return iovas.length === 0 || iovas.some((range) => first >= range.first && last <= range.last);
}

function ends(iovas: readonly Range[]): readonly [Iova | null, Iova | null] {
  return [iovas[0]?.first ?? null, iovas.at(-1)?.last ?? null];
}
