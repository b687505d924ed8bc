/** What else a device must be able to do: PASIDs, dirty tracking, the width that a vIOMMU offers. */
import type { HostDevice } from "../host/host-profile.ts";
import { type Conflict, RULES } from "./conflict.ts";
import type { ConflictSink } from "./conflict-sink.ts";
import type { Demand } from "./demand.ts";

/** iommu_attach_device_pasid: EOPNOTSUPP without PASIDs, EINVAL beyond max_pasids. */
export function checkPasid({ pasidMax }: Demand, device: HostDevice, sink: ConflictSink): void {
  if (pasidMax === null) return;
  const { pasidBits } = device;
  if (pasidBits === null) sink.leaveOpen(`pasidBits of ${device.bdf}: PASID ${pasidMax} is needed`);
  if (pasidBits === null || (pasidBits > 0 && pasidMax < 2 ** pasidBits)) return;
  sink.add({
    ...whole(device, "PASID", `${pasidBits} PASID bits`),
    errno: pasidBits === 0 ? "EOPNOTSUPP" : "EINVAL",
    rule: RULES.pasid,
    remedy: `PASID ${pasidMax} is needed: take a device with ${pasidMax.toString(2).length} PASID bits, or keep the guest from using them`,
  });
}

/** iommufd_hwpt_paging_alloc: IOMMU_HWPT_ALLOC_DIRTY_TRACKING without IOMMU_CAP_DIRTY_TRACKING. */
export function checkDirtyTracking({ dirtyTracking }: Demand, device: HostDevice, sink: ConflictSink): void {
  if (!dirtyTracking || device.dirtyTracking === true) return;
  if (device.dirtyTracking === null) {
    sink.leaveOpen(`dirtyTracking of ${device.bdf}`);
    return;
  }
  sink.add({
    ...whole(device, "dirty tracking", "no dirty tracking"),
    errno: "EOPNOTSUPP",
    rule: RULES.dirty,
    remedy: "take a host whose IOMMU tracks dirty pages, a device that logs its own DMA, or migrate without pre-copy",
  });
}

/**
 * vtd_check_hiod refuses the plug of a device behind a narrower IOMMU. virtio-iommu takes it, and the
 * guest's maps beyond it fail (or, where QEMU passes the host's ranges on, the ranges it has seen change).
 */
export function checkViommuWidth({ viommu }: Demand, device: HostDevice, sink: ConflictSink): void {
  const bits = viommu?.addressBits ?? null;
  if (viommu === null || bits === null || device.aperture === null) return;
  const { aperture } = device;
  if ((1n << BigInt(bits)) - 1n <= aperture.last) return;
  const has = aperture.last.toString(2).length;
  sink.add({
    ...whole(device, `vIOMMU of ${bits} bits`, null),
    with: { kind: "aperture", range: aperture, value: `${has} bits` },
    errno: "EINVAL",
    rule: viommu.kind === "intel" ? RULES.awBits : RULES.viommuWidth,
    remedy: `give the vIOMMU aw-bits=${viommu.kind === "intel" ? (has >= 48 ? 48 : 39) : has}, or take a host with ${bits} bits`,
  });
}

function whole(
  device: HostDevice,
  name: string,
  value: string | null,
): Pick<Conflict, "range" | "name" | "ioas" | "device" | "with" | "isRefusal"> {
  return {
    range: null,
    name,
    ioas: null,
    device: device.bdf,
    with: { kind: "capability", range: null, value },
    isRefusal: true,
  };
}
