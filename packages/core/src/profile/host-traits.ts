/**
 * The IOMMUs behind which the real devices of the recordings sit (QEMU's emulations), as their
 * dmesg, sysfs and IOVA_RANGES show them. A recording of calls does not name its IOMMU: it is an
 * input, given by the user or told by the first outcomes that differ from one IOMMU to the next.
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

/** None of them tracks dirty pages, nests page tables or takes a flag of HWPT_ALLOC. */
const EMULATED = {
  pageSize: PAGE_BYTES,
  reserved: [MSI_WINDOW],
  canTrackDirty: false,
  hwptFlags: 0,
  pagingDataType: null,
  nestedDataType: null,
  hwInfo: null,
  mapsLargePages: true,
} as const;

/** Hosts of one kernel that no sequence of calls can tell apart are one. */
export function hostTraits(profile: KernelProfile): readonly HostTraits[] {
  const bits39 = { ...EMULATED, aperture: range(0n, 2n ** 39n - 1n) };
  return [
    { ...EMULATED, name: "intel-iommu, 48 bits", aperture: range(0n, 2n ** 48n - 1n) },
    ...(profile.finalisesVirtioAtAttach
      ? [
          { ...bits39, name: "intel-iommu, 39 bits" },
          { ...bits39, name: "virtio-iommu, 39 bits", unattachedAperture: range(0n, 0n) },
        ]
      : [{ ...bits39, name: "intel-iommu or virtio-iommu, 39 bits" }]),
    { ...EMULATED, name: "amd-iommu", aperture: range(0n, U64_MAX), reserved: [MSI_WINDOW, HYPERTRANSPORT] },
  ];
}

function range(first: bigint, last: bigint): Range {
  return { first: first as Iova, last: last as Iova };
}
