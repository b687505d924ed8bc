/** What decides the outcome of a call beside the state and the call itself: the machine, and who calls. */
import type { DriverPolicy } from "../policy/driver-policy.ts";
import type { UserMemory } from "../profile/user-memory.ts";
import type { Range } from "../range.ts";

/** Number of an IOMMU group: N of /dev/vfio/N. */
export type GroupNumber = number;

/** An IOMMU group of the machine. */
export interface GroupTraits {
  readonly number: GroupNumber;
  /** Geometry of a domain that is made for it. */
  readonly aperture: Range;
  /** Its reserved regions but the direct-relaxable ones, ascending. */
  readonly reserved: readonly Range[];
  /** Its IOMMU takes no domain that ends above `aperture`: it has fewer address bits. */
  readonly refusesWiderDomains: boolean;
  /** Names that VFIO_GROUP_GET_DEVICE_FD knows. */
  readonly devices: readonly string[];
}

/** The IOMMU that all groups sit behind. */
export interface IommuTraits {
  readonly name: string;
  readonly aperture: Range;
  /** Bit n: pages of 2^n bytes (vfio_update_pgsize_bitmap). */
  readonly pageSizes: bigint;
  /** enforce_cache_coherency succeeds: VFIO_DMA_CC_IOMMU. */
  readonly enforcesCoherency: boolean;
}

export interface Type1Environment {
  readonly iommu: IommuTraits;
  readonly groups: ReadonlyMap<GroupNumber, GroupTraits>;
  /** Pages that are pinned and charged. */
  readonly memory: UserMemory;
  /** Mappings of device memory (VM_PFNMAP): they can be mapped and are not charged. */
  readonly deviceMemory: UserMemory;
  /** RLIMIT_MEMLOCK in bytes; null: unlimited. */
  readonly memlockBytes: bigint | null;
  /** CAP_IPC_LOCK: the limit is not looked at. Pages are charged all the same. */
  readonly canLockMemory: boolean;
  /** dma_entry_limit of the module, read by VFIO_SET_IOMMU. */
  readonly entriesMax: number;
  /** What the context is held to beside the driver's own rules; left out: nothing. */
  readonly policy?: DriverPolicy | null;
}

/** PAGE_SIZE: the unit of pins. All IOMMUs here have it as their smallest page too. */
export const PAGE_BYTES = 0x1000n;

/** Smallest page of the IOMMU, bytes: the lowest bit of iova_pgsizes. */
export function smallestPage({ pageSizes }: IommuTraits): bigint {
  return pageSizes & -pageSizes;
}
