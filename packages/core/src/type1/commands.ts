/** The calls on /dev/vfio/vfio, /dev/vfio/N and device files that the model decides. */

/** An argument that should be a file descriptor. */
export type FileRef =
  | { readonly kind: "container" | "group" | "device"; readonly handle: number }
  /** Open, but none of VFIO's. */
  | { readonly kind: "foreign" }
  /** Not open. */
  | { readonly kind: "none" };

/** Handle of the file that a call is made on; null: it is not open. */
export type FileHandle = number | null;

/** How the argument struct arrived: its argsz in bytes (default: as long as the call needs), or a bad pointer. */
export interface Argument {
  readonly argBytes?: number;
  readonly hasBadPointer?: boolean;
}

export interface OpenContainer {
  readonly command: "OpenContainer";
}
export interface OpenGroup {
  readonly command: "OpenGroup";
  /** N of /dev/vfio/N. */
  readonly group: number;
}
export interface CloseFile {
  readonly command: "CloseFile";
  readonly file: FileRef;
}
export interface QueryApiVersion {
  readonly command: "QueryApiVersion";
  readonly container: FileHandle;
}
export interface CheckExtension {
  readonly command: "CheckExtension";
  readonly container: FileHandle;
  readonly extension: number;
}
export interface SetIommu {
  readonly command: "SetIommu";
  readonly container: FileHandle;
  readonly iommuType: number;
}
export interface QueryGroupStatus {
  readonly command: "QueryGroupStatus";
  readonly group: FileHandle;
}
export interface SetContainer {
  readonly command: "SetContainer";
  readonly group: FileHandle;
  readonly file: FileRef;
}
export interface UnsetContainer {
  readonly command: "UnsetContainer";
  readonly group: FileHandle;
}
export interface OpenDevice {
  readonly command: "OpenDevice";
  readonly group: FileHandle;
  readonly name: string;
}
export interface QueryInfo extends Argument {
  readonly command: "QueryInfo";
  readonly container: FileHandle;
}
/** VFIO_DMA_MAP_FLAG_READ 1, _WRITE 2, _VADDR 4. */
export interface MapDma extends Argument {
  readonly command: "MapDma";
  readonly container: FileHandle;
  readonly flags: number;
  readonly userVa: bigint;
  readonly iova: bigint;
  readonly size: bigint;
}

/** struct vfio_bitmap and what it points to. */
export interface UserBitmap {
  readonly pageSize: bigint;
  readonly bytes: bigint;
  /** Null: some address of memory that can be written. */
  readonly address: bigint | null;
  /** Every byte's value before the call. */
  readonly fill: number;
}

/** VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP 1, _ALL 2, _VADDR 4. */
export interface UnmapDma extends Argument {
  readonly command: "UnmapDma";
  readonly container: FileHandle;
  readonly flags: number;
  readonly iova: bigint;
  readonly size: bigint;
  readonly bitmap: UserBitmap | null;
}
/** VFIO_IOMMU_DIRTY_PAGES_FLAG_START 1, _STOP 2, _GET_BITMAP 4. */
export interface UseDirtyPages extends Argument {
  readonly command: "UseDirtyPages";
  readonly container: FileHandle;
  readonly flags: number;
  readonly iova: bigint;
  readonly size: bigint;
  readonly bitmap: UserBitmap | null;
}
/** An ioctl number that VFIO does not define for the file. */
export interface UnknownCall {
  readonly command: "UnknownCall";
  readonly file: FileRef;
}

export type Type1Command =
  | OpenContainer
  | OpenGroup
  | CloseFile
  | QueryApiVersion
  | CheckExtension
  | SetIommu
  | QueryGroupStatus
  | SetContainer
  | UnsetContainer
  | OpenDevice
  | QueryInfo
  | MapDma
  | UnmapDma
  | UseDirtyPages
  | UnknownCall;
