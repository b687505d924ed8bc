/**
 * The IOMMUs behind which the real devices of the recordings sit (QEMU's emulations), as their
 * dmesg, sysfs and IOVA_RANGES show them. A recording of calls does not name its IOMMU.
 */
import { type Iova, U64_MAX } from "../address.ts";
import type { Range } from "../range.ts";
import type { DeviceTraits } from "./environment.ts";
import type { KernelProfile } from "./kernel-profile.ts";

export interface HostTraits extends DeviceTraits {
  readonly name: string;
}

const PAGE_BYTES = 0x1000n;
/** The interrupt window of the x86 machines. */
const MSI_WINDOW = range(0xfee0_0000n, 0xfeef_ffffn);
/** No domain of AMD's reaches into HyperTransport's reserved range. */
const HYPERTRANSPORT = range(0xfd_0000_0000n, 0xff_ffff_ffffn);

export function hostTraits(profile: KernelProfile): readonly HostTraits[] {
  const common = { pageSize: PAGE_BYTES, reserved: [MSI_WINDOW], canTrackDirty: false };
  const late = profile.finalisesVirtioAtAttach ? { unattachedAperture: range(0n, 0n) } : {};
  return [
    { ...common, name: "intel-iommu, 48 bits", aperture: range(0n, 2n ** 48n - 1n) },
    { ...common, name: "intel-iommu, 39 bits", aperture: range(0n, 2n ** 39n - 1n) },
    { ...common, name: "virtio-iommu, 39 bits", aperture: range(0n, 2n ** 39n - 1n), ...late },
    { ...common, name: "amd-iommu", aperture: range(0n, U64_MAX), reserved: [MSI_WINDOW, HYPERTRANSPORT] },
  ];
}

function range(first: bigint, last: bigint): Range {
  return { first: first as Iova, last: last as Iova };
}
