/** What decides the outcome of a call beside the state and the call itself: the machine, and who calls. */
import type { DeviceName, HwptHandle, IoasHandle } from "../events.ts";
import type { Range } from "../range.ts";
import type { DirtyPages } from "./dirty-pages.ts";
import type { UserMemory } from "./user-memory.ts";

/** A device and the IOMMU that it sits behind. */
export interface DeviceTraits {
  /** Smallest page of the IOMMU, bytes. */
  readonly pageSize: bigint;
  /** IOVAs that the IOMMU translates. */
  readonly aperture: Range;
  /** Its aperture until a device is attached, where that is another one. */
  readonly unattachedAperture?: Range;
  /** Its driver takes no page table that translates more than its IOMMU (intel/iommu.c: paging_domain_compatible). */
  readonly refusesWiderTables?: boolean;
  /** Regions that an attach reserves (MSI windows; direct-relaxable ones are not among them). */
  readonly reserved: readonly Range[];
  readonly canTrackDirty: boolean;
  /** HWPT_ALLOC's flags for a paging table that its driver takes. */
  readonly hwptFlags: number;
  /** `data_type` of what its driver takes for a paging table; null: nothing. */
  readonly pagingDataType: number | null;
  /** `data_type` of the nested page tables that it walks; null: none. */
  readonly nestedDataType: number | null;
  /** HWPT_INVALIDATE on them; left out: the driver has none. */
  readonly nestedInvalidation?: InvalidationFormat;
  /** What GET_HW_INFO answers; null: the calls do not tell. */
  readonly hwInfo: HwInfo | null;
  /** Its page tables hold larger pages where user memory is contiguous in RAM, which no call tells. */
  readonly mapsLargePages: boolean;
  /** How many PASIDs it has; left out: none. */
  readonly pasids?: number;
  /** IOMMU_CAP_CACHE_COHERENCY and an interrupt window of its own, which a bind asks for; left out: it has both. */
  readonly isCoherent?: boolean;
  readonly hasIsolatedMsi?: boolean;
  /** Its page tables enforce coherency (IOMMU_CAP_ENFORCE_CACHE_COHERENCY); left out: they do. */
  readonly enforcesCoherency?: boolean;
  /** What its driver offers to a guest's own IOMMU; left out: nothing. */
  readonly virtual?: VirtualTraits;
}

/** The vIOMMU side of a driver (iommufd_viommu_ops). */
export interface VirtualTraits {
  /** The IOMMU that the device sits behind: a vIOMMU serves the devices of one. */
  readonly iommu: string;
  readonly viommuType: number;
  /** `data_type` of HWPT_INVALIDATE on a vIOMMU and bytes of an entry; null: it takes none. */
  readonly invalidation: InvalidationFormat | null;
  /** Types of hardware queues that it can have. */
  readonly hwQueueTypes: readonly number[];
}

export interface InvalidationFormat {
  readonly dataType: number;
  readonly entryBytesMin: number;
}

export interface HwInfo {
  readonly type: number;
  readonly bytes: readonly number[];
  readonly capabilities: bigint;
}

/** Pages that an in-kernel user (iommufd_access) holds pinned. */
export interface AccessPin extends Range {
  readonly access: string;
  readonly ioas: IoasHandle;
  /** The kernel's number of the pin, counted for each access. */
  readonly item: number;
}

export interface Environment {
  /** PAGE_SIZE of the host, bytes. */
  readonly pageSize: bigint;
  /** HPAGE_SIZE: the cap of the automatic alignment of kernels with transparent huge pages. */
  readonly hugePageSize: bigint;
  readonly memory: UserMemory;
  /** RLIMIT_MEMLOCK in bytes; null: unlimited. */
  readonly memlockBytes: bigint | null;
  /** CAP_IPC_LOCK: pages of a MAP made now are not charged. */
  readonly canLockMemory: boolean;
  /** The last version at which CAP_IPC_LOCK was held: pages of MAPs up to then are never charged. */
  readonly lockedUpTo: number;
  /** CAP_SYS_RESOURCE: OPTION RLIMIT_MODE may be set. */
  readonly canSetLimits: boolean;
  readonly devices: ReadonlyMap<DeviceName, DeviceTraits>;
  /** By the name of the pin. */
  readonly pins: ReadonlyMap<string, AccessPin>;
  /** How many pins each access has made so far. */
  readonly pinsMade: ReadonlyMap<string, number>;
  /** Areas made by COPY, by version: the version of the MAP whose pages they share. */
  readonly copies: ReadonlyMap<number, number>;
  /** Bytes of the files that MAP_FILE can name. */
  readonly files: ReadonlyMap<number, bigint>;
  /** What devices have written, by page table; where there is none, nothing. */
  readonly dirty: ReadonlyMap<HwptHandle, DirtyPages>;
  /** Open VFIO device files: the path that each was opened by. */
  readonly deviceFiles: ReadonlyMap<DeviceName, string>;
}
