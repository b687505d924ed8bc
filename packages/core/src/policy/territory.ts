/** Where a guest layout may be mapped, with holes that are cut out of it. */
import { type Iova, U64_MAX } from "../address.ts";
import type { GuestLayout, LayoutRange } from "../layout/layout.ts";
import { DMA_WINDOW } from "../layout/pseries-layout.ts";
import { holes, intersection, merged, type Range } from "../range.ts";
import type { Constraint, Territory } from "./policy.ts";

/** A page of the guest, where its vIOMMU does not say. */
const PAGE_BYTES = 0x1000n;

/** What no mapping may touch. */
export interface Hole extends Range {
  readonly type: "reserved" | "msi";
}

/**
 * Memory is claimed, and behind a vIOMMU whatever the guest may choose; a window of device registers may be
 * mapped (peer-to-peer) but is not insisted on. pseries: devices use the bus addresses of its DMA windows alone.
 */
export function territoryOf(layout: GuestLayout, hostHoles: readonly Hole[]): Territory {
  const cut: readonly Hole[] = [...layout.reserved, ...hostHoles];
  const own = devicesRanges(layout);
  const reach = reachOf(layout);
  const isTold = layout.viommu?.addressBits !== null;
  return {
    claimed: without([...own.filter(isMemory), ...(isTold ? reach : [])], cut),
    mappable: without([...own, ...reach], cut),
    constraints: constraintsOf(cut),
    alignment: layout.viommu?.granuleBytes ?? PAGE_BYTES,
  };
}

/** The part of a layout that a device can address. */
export function devicesRanges({ ranges }: GuestLayout): readonly LayoutRange[] {
  const windows = ranges.filter(isBusWindow);
  return windows.length > 0 ? windows : ranges;
}

/** Must be there for the guest to run. */
export function isMemory(range: LayoutRange): boolean {
  return range.kind !== "window" || isBusWindow(range);
}

export function isBusWindow({ name }: LayoutRange): boolean {
  return name.startsWith(DMA_WINDOW);
}

/** The IOVAs that a vIOMMU lets the guest choose from; none without one. */
function reachOf({ viommu }: GuestLayout): Range[] {
  if (viommu === null) return [];
  const last = viommu.addressBits === null ? U64_MAX : (1n << BigInt(viommu.addressBits)) - 1n;
  return [{ first: 0n as Iova, last: last as Iova }];
}

function without(ranges: readonly Range[], cut: readonly Range[]): Range[] {
  return merged(ranges).flatMap((range) => holes(cut, range));
}

/** MSI windows whole, and beside them everything else that is reserved: no two overlap, as a guest expects it. */
function constraintsOf(cut: readonly Hole[]): Constraint[] {
  const msi = merged(cut.filter(({ type }) => type === "msi"));
  const reserved = merged(cut.filter(({ type }) => type === "reserved")).flatMap((range) => holes(msi, range));
  return [
    ...msi.map((range): Constraint => ({ ...range, type: "MSI" })),
    ...reserved.map((range): Constraint => ({ ...range, type: "RESERVED" })),
  ].sort((a, b) => (a.first < b.first ? -1 : 1));
}

/** Whether every byte of `[first, last]` lies in the ranges, which are ascending and never touch. */
export function isInside(ranges: readonly Range[], first: bigint, last: bigint): boolean {
  const asked: Range = { first: first as Iova, last: last as Iova };
  return ranges.some((range) => {
    const shared = intersection(range, asked);
    return shared !== null && shared.first === first && shared.last === last;
  });
}
