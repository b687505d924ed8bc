/**
 * Addresses: what of a space lies where a device's IOMMU does not translate or must not.
 * iopt_table_add_domain and iopt_table_enforce_dev_resv_regions reserve it at attach, and
 * iopt_check_iova refuses it to MAP with EINVAL (type1: vfio_iommu_iova_dma_valid, EINVAL too).
 */
import { type Iova, U64_MAX } from "../address.ts";
import type { HostDevice, ReservedRegion } from "../host/host-profile.ts";
import { intersection, overlaps, type Range } from "../range.ts";
import { type Conflict, type Counterpart, RULES } from "./conflict.ts";
import type { ConflictSink } from "./conflict-sink.ts";
import type { Demand, DemandRange, DemandSpace } from "./demand.ts";
import { reservedRemedy, widthRemedy } from "./remedy.ts";

interface Forbidden {
  readonly range: Range;
  readonly rule: Conflict["rule"];
  readonly kind: Counterpart["kind"];
  readonly region: ReservedRegion | null;
}

export function checkAddresses(demand: Demand, space: DemandSpace, device: HostDevice, sink: ConflictSink): void {
  for (const forbidden of forbiddenOf(device)) {
    const { range, rule, kind, region } = forbidden;
    const start = firstReaching(space.ranges, range.first);
    const end = firstReaching(space.ranges, range.last, true);
    for (let i = start; i < end; i++) {
      if (sink.isFull) {
        sink.omit(end - i);
        break;
      }
      const asked = space.ranges[i] as DemandRange;
      sink.add({
        ...about(space, device, asked),
        with: { kind, range, value: null },
        errno: "EINVAL",
        rule,
        remedy: region === null ? widthRemedy(asked, device.aperture ?? range) : reservedRemedy(demand, asked, region),
        isRefusal: asked.isRequired,
      });
    }
    checkAllowed(space, device, forbidden, sink);
  }
}

/** iopt_reserve_iova: an attach that would take away an allowed range fails. */
function checkAllowed(space: DemandSpace, device: HostDevice, { range, kind }: Forbidden, sink: ConflictSink): void {
  for (const allowed of space.allowed) {
    if (!overlaps(allowed, range)) continue;
    sink.add({
      range: { first: allowed.first, last: allowed.last },
      name: "allowed",
      ioas: space.ioas,
      device: device.bdf,
      with: { kind, range, value: null },
      errno: "EADDRINUSE",
      rule: RULES.allowed,
      remedy: "leave this range out of IOMMU_IOAS_ALLOW_IOVAS, or take a device that can translate it",
      isRefusal: true,
    });
  }
}

/** Outside the aperture, and inside every region but direct-relaxable ones; disjoint from each other's cause. */
function forbiddenOf({ aperture, reserved }: HostDevice): Forbidden[] {
  const outside = aperture === null ? [] : outsideOf(aperture);
  return [
    ...outside.map((range): Forbidden => ({ range, rule: RULES.width, kind: "aperture", region: null })),
    ...(reserved ?? []).flatMap((region): Forbidden[] => {
      if (region.type === "direct-relaxable") return [];
      const range = aperture === null ? { first: region.first, last: region.last } : intersection(region, aperture);
      if (range === null) return [];
      return [{ range, rule: region.type === "msi" ? RULES.msi : RULES.reserved, kind: region.type, region }];
    }),
  ];
}

function outsideOf({ first, last }: Range): Range[] {
  const below = first > 0n ? [{ first: 0n as Iova, last: (first - 1n) as Iova }] : [];
  return last < U64_MAX ? [...below, { first: (last + 1n) as Iova, last: U64_MAX as Iova }] : below;
}

/** Index of the first range that ends at `address` or later; with `after`, that begins after it. */
function firstReaching(ranges: readonly Range[], address: bigint, after = false): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle] as Range;
    if (after ? range.first <= address : range.last < address) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function about(
  space: DemandSpace,
  device: HostDevice,
  { first, last, name }: DemandRange,
): Pick<Conflict, "range" | "name" | "ioas" | "device"> {
  return { range: { first, last }, name, ioas: space.ioas, device: device.bdf };
}
