/** What decides the outcome of a call beside the state and the call itself: the machine, and who calls. */
import type { DeviceName, IoasHandle } from "../events.ts";
import type { Range } from "../range.ts";
import type { UserMemory } from "./user-memory.ts";

/** A device and the IOMMU that it sits behind. */
export interface DeviceTraits {
  /** Smallest page of the IOMMU, bytes. */
  readonly pageSize: bigint;
  /** IOVAs that the IOMMU translates. */
  readonly aperture: Range;
  /** Its aperture until a device is attached, where that is another one. */
  readonly unattachedAperture?: Range;
  /** Regions that an attach reserves (MSI windows; direct-relaxable ones are not among them). */
  readonly reserved: readonly Range[];
  readonly canTrackDirty: boolean;
}

/** Pages that an in-kernel user (iommufd_access) holds pinned. */
export interface AccessPin extends Range {
  readonly access: string;
  readonly ioas: IoasHandle;
}

export interface Environment {
  /** PAGE_SIZE of the host, bytes. */
  readonly pageSize: bigint;
  /** HPAGE_SIZE: the cap of the automatic alignment of kernels with transparent huge pages. */
  readonly hugePageSize: bigint;
  readonly memory: UserMemory;
  /** RLIMIT_MEMLOCK in bytes; null: unlimited. */
  readonly memlockBytes: bigint | null;
  /** CAP_IPC_LOCK: pinning is not charged. */
  readonly canLockMemory: boolean;
  /** CAP_SYS_RESOURCE: OPTION RLIMIT_MODE may be set. */
  readonly canSetLimits: boolean;
  readonly devices: ReadonlyMap<DeviceName, DeviceTraits>;
  /** By the name of the pin. */
  readonly pins: ReadonlyMap<string, AccessPin>;
}
