/** Page sizes: iopt_alloc_area_pages refuses what is not a multiple of the smallest page with EINVAL. */
import { hex } from "../address.ts";
import type { HostDevice } from "../host/host-profile.ts";
import { about } from "./address-rules.ts";
import { type Counterpart, RULES } from "./conflict.ts";
import type { ConflictSink } from "./conflict-sink.ts";
import type { Demand, DemandSpace } from "./demand.ts";

export function checkPageSize(space: DemandSpace, device: HostDevice, pageSizes: bigint, sink: ConflictSink): void {
  const page = pageSizes & -pageSizes;
  const mask = page - 1n;
  if ((space.addressBits & mask) === 0n) return;
  for (const range of space.ranges) {
    if (!range.isRequired || ((range.first | (range.last + 1n) | range.sourceStart) & mask) === 0n) continue;
    sink.add({
      ...about(space, device, range),
      with: counterpart(pageSizes),
      errno: "EINVAL",
      rule: RULES.pageSize,
      remedy: `address, length and source must be multiples of ${hex(page)}: align them, or take a host with smaller IOMMU pages`,
      isRefusal: true,
    });
  }
}

/** virtio_iommu_set_iommu_device: a granule that the guest has seen cannot grow any more. */
export function checkGranule({ viommu }: Demand, device: HostDevice, pageSizes: bigint, sink: ConflictSink): void {
  const page = pageSizes & -pageSizes;
  if (viommu === null || viommu.granuleBytes === null || viommu.granuleBytes >= page) return;
  sink.add({
    range: null,
    name: "vIOMMU granule",
    ioas: null,
    device: device.bdf,
    with: counterpart(pageSizes),
    errno: "EINVAL",
    rule: RULES.pageSize,
    remedy: `give the vIOMMU a granule of ${hex(page)} (this one: ${hex(viommu.granuleBytes)}), or take a host with smaller IOMMU pages`,
    isRefusal: true,
  });
}

function counterpart(pageSizes: bigint): Counterpart {
  return { kind: "pageSizes", range: null, value: hex(pageSizes) };
}
