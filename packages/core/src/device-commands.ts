/**
 * The calls on devices, page tables and in-kernel users (include/uapi/linux/iommufd.h and vfio.h;
 * the mock ones: drivers/iommu/iommufd/iommufd_test.h). Numbers as the kernel receives them.
 */
import type { Frame } from "./commands.ts";
import type { DeviceName } from "./events.ts";
import type { DeviceTraits } from "./profile/environment.ts";

export const HWPT_NEST_PARENT = 1;
export const HWPT_DIRTY_TRACKING = 2;
export const HWPT_FAULT_ID_VALID = 4;
export const HWPT_PASID = 8;

/** IOMMU_TEST_OP_MOCK_DOMAIN: makes a device, binds it and attaches it to an ioas or a hwpt. */
export interface CreateMockDevice {
  readonly command: "CreateMockDevice";
  readonly device: DeviceName;
  readonly deviceFlags: number;
  readonly traits: DeviceTraits;
  readonly ptId: number;
}

/** IOMMU_TEST_OP_MOCK_DOMAIN_REPLACE. */
export interface ReplaceMockDevice {
  readonly command: "ReplaceMockDevice";
  readonly deviceId: number;
  readonly ptId: number;
}

/** `ptId`: an ioas makes a paging table, a page table a nested one. `dataLength`: bytes of driver data. */
export interface AllocHwpt extends Frame {
  readonly command: "AllocHwpt";
  readonly flags: number;
  readonly deviceId: number;
  readonly ptId: number;
  readonly dataType: number;
  readonly dataLength: number;
  /** Counts with HWPT_FAULT_ID_VALID. */
  readonly faultId?: number;
}

export interface SetDirtyTracking extends Frame {
  readonly command: "SetDirtyTracking";
  readonly hwptId: number;
  readonly flags: number;
}

export interface GetDirtyBitmap extends Frame {
  readonly command: "GetDirtyBitmap";
  readonly hwptId: number;
  readonly flags: number;
  readonly iova: bigint;
  readonly length: bigint;
  readonly pageSize: bigint;
}

export interface QueryHwInfo extends Frame {
  readonly command: "QueryHwInfo";
  readonly deviceId: number;
  readonly flags: number;
  /** `in_data_type`, which counts with the flag INPUT_TYPE (1); 0: the driver's own. */
  readonly dataType?: number;
}

/** `fd` null: no open file has that number. */
export interface MapFile extends Frame {
  readonly command: "MapFile";
  readonly ioasId: number;
  readonly flags: number;
  readonly fd: number | null;
  readonly start: bigint;
  readonly length: bigint;
  readonly iova: bigint;
}

export interface ChangeProcess extends Frame {
  readonly command: "ChangeProcess";
}

export interface UseVfioIoas extends Frame {
  readonly command: "UseVfioIoas";
  /** 0 get, 1 set, 2 clear. */
  readonly operation: number;
  readonly ioasId: number;
}

/** VFIO_DEVICE_BIND_IOMMUFD on an open device file. */
export interface BindVfioDevice {
  readonly command: "BindVfioDevice";
  readonly device: DeviceName;
  /** Its IOMMU group by name; left out: it shares it with no other device. */
  readonly group?: string;
}

/** VFIO_DEVICE_ATTACH_IOMMUFD_PT; of an attached device it is a replacement. */
export interface AttachVfioDevice {
  readonly command: "AttachVfioDevice";
  readonly device: DeviceName;
  readonly ptId: number;
  /** With VFIO_DEVICE_ATTACH_PASID; left out: the device itself. */
  readonly pasid?: number;
}

export interface DetachVfioDevice {
  readonly command: "DetachVfioDevice";
  readonly device: DeviceName;
  /** With VFIO_DEVICE_DETACH_PASID. */
  readonly pasid?: number;
}

/** IOMMU_TEST_OP_CREATE_ACCESS. `flags` 1: it pins. */
export interface CreateAccess {
  readonly command: "CreateAccess";
  readonly access: string;
  readonly ioasId: number;
  readonly flags: number;
}

export interface ReplaceAccess {
  readonly command: "ReplaceAccess";
  readonly access: string;
  readonly ioasId: number;
}

/** IOMMU_TEST_OP_ACCESS_PAGES. `flags` 1: for writing. `userVa`: where the pages are expected; 0: anywhere. */
export interface PinAccess {
  readonly command: "PinAccess";
  readonly access: string;
  readonly iova: bigint;
  readonly length: bigint;
  readonly flags: number;
  readonly userVa: bigint;
}

/** IOMMU_TEST_OP_DESTROY_ACCESS_PAGES. */
export interface UnpinAccess {
  readonly command: "UnpinAccess";
  readonly access: string;
  readonly item: number;
}

/** IOMMU_TEST_OP_ACCESS_RW. `flags` 1: write, 4: the slow path. */
export interface AccessMemory {
  readonly command: "AccessMemory";
  readonly access: string;
  readonly iova: bigint;
  readonly length: bigint;
  readonly flags: number;
}

/** IOMMU_TEST_OP_MD_CHECK_MAP. */
export interface CheckMockMap {
  readonly command: "CheckMockMap";
  readonly hwptId: number;
  readonly iova: bigint;
  readonly length: bigint;
  readonly userVa: bigint;
}

/** IOMMU_TEST_OP_DIRTY. `bits`: one byte for eight pages, the lowest bit first. */
export interface MarkMockDirty {
  readonly command: "MarkMockDirty";
  readonly hwptId: number;
  readonly iova: bigint;
  readonly length: bigint;
  readonly pageSize: bigint;
  readonly bits: readonly number[];
}

export type DeviceCommand =
  | CreateMockDevice
  | ReplaceMockDevice
  | AllocHwpt
  | SetDirtyTracking
  | GetDirtyBitmap
  | QueryHwInfo
  | MapFile
  | ChangeProcess
  | UseVfioIoas
  | BindVfioDevice
  | AttachVfioDevice
  | DetachVfioDevice
  | CreateAccess
  | ReplaceAccess
  | PinAccess
  | UnpinAccess
  | AccessMemory
  | CheckMockMap
  | MarkMockDirty;
