/** The devices of the kernel's self-test and the IOMMU that it pretends (drivers/iommu/iommufd/selftest.c). */
import { HWPT_DIRTY_TRACKING, HWPT_NEST_PARENT, HWPT_PASID } from "../device-commands.ts";
import type { Range } from "../range.ts";
import type { DeviceTraits } from "./environment.ts";
import type { KernelProfile } from "./kernel-profile.ts";

const DEVICE_NO_DIRTY = 1;
const DEVICE_HUGE_IOVA = 2;
/** IOMMU_HWPT_DATA_SELFTEST. */
const SELFTEST_DATA = 0xdead;
/** IOMMU_HW_INFO_TYPE_SELFTEST and IOMMU_HW_INFO_SELFTEST_REGVAL behind an empty word. */
const INFO_TYPE = 0xfeedbeef;
const INFO_BYTES = [0, 0, 0, 0, 0xef, 0xbe, 0xad, 0xde];
/** IOMMU_HW_CAP_DIRTY_TRACKING. */
const CAPABILITY_DIRTY = 1n;
/** IOMMU_HWPT_INVALIDATE_DATA_SELFTEST, IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST, IOMMU_VIOMMU_TYPE_SELFTEST, IOMMU_HW_QUEUE_TYPE_SELFTEST. */
const SELFTEST_TYPE = 0xdeadbeef;
/** struct iommu_hwpt_invalidate_selftest; of a vIOMMU the entries are copied as they are, however short. */
const INVALIDATION = { dataType: SELFTEST_TYPE, entryBytesMin: 8 };
const VIOMMU_INVALIDATION = { dataType: SELFTEST_TYPE, entryBytesMin: 0 };
/** MOCK_FLAGS_DEVICE_PASID; MOCK_PASID_WIDTH bits. */
const DEVICE_PASID = 4;
const PASIDS = 2 ** 20;

const VIRTUAL = {
  iommu: "mock",
  viommuType: SELFTEST_TYPE,
  invalidation: VIOMMU_INVALIDATION,
  hwQueueTypes: [SELFTEST_TYPE],
};

export interface MockIommu {
  readonly pageSize: bigint;
  readonly aperture: Range;
}

/** A device made with these flags (MOCK_FLAGS_DEVICE_*). */
export function mockTraits({ pageSize, aperture }: MockIommu, flags: number, profile: KernelProfile): DeviceTraits {
  const canTrackDirty = (flags & DEVICE_NO_DIRTY) === 0;
  const isArray = profile.mockPageTable === "array";
  return {
    pageSize,
    aperture,
    reserved: [],
    canTrackDirty,
    hwptFlags: HWPT_NEST_PARENT | HWPT_DIRTY_TRACKING | (isArray ? 0 : HWPT_PASID),
    pagingDataType: isArray ? null : SELFTEST_DATA,
    nestedDataType: SELFTEST_DATA,
    nestedInvalidation: INVALIDATION,
    hwInfo: isArray
      ? { type: INFO_TYPE, bytes: INFO_BYTES, capabilities: canTrackDirty ? CAPABILITY_DIRTY : 0n }
      : null,
    mapsLargePages: !isArray || (flags & DEVICE_HUGE_IOVA) !== 0,
    ...(isArray ? {} : { pasids: (flags & DEVICE_PASID) === 0 ? 0 : PASIDS, virtual: VIRTUAL }),
  };
}
