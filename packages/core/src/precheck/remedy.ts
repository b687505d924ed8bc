/** What to do about a conflict, in one sentence. */
import { hex } from "../address.ts";
import type { ReservedRegion } from "../host/host-profile.ts";
import { isSince } from "../layout/machine-type.ts";
import { HYPERTRANSPORT_FIRST, HYPERTRANSPORT_LAST } from "../layout/pc-memory.ts";
import type { Range } from "../range.ts";
import type { Demand, DemandRange } from "./demand.ts";

export function widthRemedy(range: DemandRange, aperture: Range): string {
  const bits = range.last.toString(2).length;
  const has = aperture.last.toString(2).length;
  if (!range.isRequired)
    return `the BARs of the guest that lie there get no peer-to-peer DMA: limit its 64-bit window to ${has} bits, or take a host with ${bits}`;
  return `take a host whose IOMMU translates ${bits} bits (this one: ${has}), or let the guest's memory end by ${hex(aperture.last)}`;
}

export function reservedRemedy({ layout }: Demand, range: DemandRange, region: ReservedRegion): string {
  if (!range.isRequired) return "BARs of the guest that lie there get no peer-to-peer DMA: keep them off it";
  if (layout === null) return "map around it: this range must stay free in every space that is to move here";
  const isHypertransport = region.first <= HYPERTRANSPORT_LAST && HYPERTRANSPORT_FIRST <= region.last;
  if (isHypertransport && (layout.machine === "q35" || layout.machine === "pc")) {
    const isOld = layout.version !== null && !isSince(layout.version, "7.1");
    return `use ${isOld ? `machine type ${layout.machine}-7.1 or newer` : `machine type ${layout.machine}-${layout.version}`} with an AMD vCPU, which puts RAM above 1 TiB, or let the guest's memory end by ${hex(HYPERTRANSPORT_FIRST - 1n)}`;
  }
  if (region.type === "msi")
    return "take a host whose MSI window lies elsewhere, or a machine type that leaves it free: memory cannot be mapped over it";
  return region.type === "direct"
    ? "take a device without a firmware reservation (RMRR), or have the firmware drop it"
    : `take a host without this hole, or a guest whose memory ends by ${hex(region.first === 0n ? 0n : region.first - 1n)}`;
}
