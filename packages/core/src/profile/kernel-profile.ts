/** What differs between generations of the iommufd driver. The rest of the rules hold for all of them. */
import { HWPT_DIRTY_TRACKING, HWPT_FAULT_ID_VALID, HWPT_NEST_PARENT, HWPT_PASID } from "../device-commands.ts";
import { IoasisError } from "../failure.ts";

export interface KernelProfile {
  /** The first release that behaves so. */
  readonly release: string;
  /** pages.c iopt_alloc_user_pages: whether va + length is looked at before the length alone. */
  readonly checksWrapBeforeLength: boolean;
  /** selftest.c mock_dev_create: the device flags that the self-test knows. */
  readonly mockDeviceFlags: number;
  /** virtio-iommu.c viommu_domain_finalise: the aperture is [0, 0] until a device is attached. */
  readonly finalisesVirtioAtAttach: boolean;
  /** hw_pagetable.c iommufd_hwpt_paging_alloc, iommufd_hwpt_nested_alloc: the flags of HWPT_ALLOC that are known. */
  readonly hwptFlags: { readonly paging: number; readonly nested: number };
  /** device.c iommufd_get_hw_info: the flags that are known. */
  readonly hwInfoFlags: number;
  /** io_pagetable.c iommufd_check_iova_range: an empty range is looked for before one that wraps. */
  readonly checksDirtyLengthFirst: boolean;
  /** main.c: IOAS_MAP_FILE and IOAS_CHANGE_PROCESS exist. */
  readonly hasFileMaps: boolean;
  /** main.c: VIOMMU_ALLOC, VDEVICE_ALLOC (6.13), VEVENTQ_ALLOC (6.15) and HW_QUEUE_ALLOC (6.17) exist. */
  readonly hasVirtualIommus: boolean;
  /** device_cdev.c: VFIO_DEVICE_ATTACH_IOMMUFD_PT and ..._DETACH_... take a PASID (6.15). */
  readonly hasPasidAttach: boolean;
  /** selftest.c: the mock IOMMU keeps an entry per io page, or a page table whose entries cover what is contiguous. */
  readonly mockPageTable: "array" | "generic";
}

/** Oldest first. Each is backed by recordings of that release. */
const PROFILES: readonly KernelProfile[] = [
  {
    release: "6.12",
    checksWrapBeforeLength: false,
    mockDeviceFlags: 0b011,
    finalisesVirtioAtAttach: true,
    hwptFlags: { paging: HWPT_NEST_PARENT | HWPT_DIRTY_TRACKING, nested: HWPT_FAULT_ID_VALID },
    hwInfoFlags: 0,
    checksDirtyLengthFirst: false,
    hasFileMaps: false,
    hasVirtualIommus: false,
    hasPasidAttach: false,
    mockPageTable: "array",
  },
  {
    release: "7.3",
    checksWrapBeforeLength: true,
    mockDeviceFlags: 0b101,
    finalisesVirtioAtAttach: false,
    hwptFlags: {
      paging: HWPT_NEST_PARENT | HWPT_DIRTY_TRACKING | HWPT_FAULT_ID_VALID | HWPT_PASID,
      nested: HWPT_FAULT_ID_VALID | HWPT_PASID,
    },
    hwInfoFlags: 1,
    checksDirtyLengthFirst: true,
    hasFileMaps: true,
    hasVirtualIommus: true,
    hasPasidAttach: true,
    mockPageTable: "generic",
  },
];

/**
 * The newest profile that is not newer than a release string ("6.12", "6.12.107-1-amd64").
 * @throws IoasisError ERR_INPUT for a kernel older than every profile, or a string that is no release
 */
export function kernelProfile(release: string): KernelProfile {
  const wanted = releaseNumber(release);
  const profile = PROFILES.findLast((known) => releaseNumber(known.release) <= wanted);
  if (profile !== undefined && wanted > 0) return profile;
  const names = PROFILES.map((known) => known.release).join(", ");
  throw new IoasisError("ERR_INPUT", `no model of kernel "${release}": name one of ${names} or newer`, {
    kernel: release,
  });
}

/** 6.12.107 is 6012; 0 for what is no release. */
function releaseNumber(release: string): number {
  const match = /^(\d+)\.(\d+)/.exec(release);
  return match === null ? 0 : Number(match[1]) * 1000 + Number(match[2]);
}
