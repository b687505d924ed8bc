/**
 * The calls that a VMM makes, as the kernel receives them: imperative, one per ioctl, objects by the
 * kernel's ids (include/uapi/linux/iommufd.h; the mock ones: drivers/iommu/iommufd/iommufd_test.h).
 * A command is a request: it may be refused, and its arguments may be nonsense.
 */
import type { DeviceCommand } from "./device-commands.ts";
import type { ObjectCommand } from "./object-commands.ts";

/** How the argument struct arrived; left out: complete, reserved fields and tail zero. */
export interface Frame {
  /** The struct's own size field, bytes. */
  readonly size?: number;
  /** A byte behind the known struct is not zero. */
  readonly hasNonZeroTail?: boolean;
  /** Value of `__reserved`. */
  readonly reserved?: number;
}

export const MAP_FIXED_IOVA = 1;
export const MAP_WRITEABLE = 2;
export const MAP_READABLE = 4;

export interface AllocIoas extends Frame {
  readonly command: "AllocIoas";
  readonly flags: number;
  /**
   * With `length`: the range that the caller needs, bytes. No field of the ioctl: IOMMU_IOAS_ALLOW_IOVAS of the
   * new ioas claims it, so that an attach that would narrow it fails.
   */
  readonly base?: bigint;
  readonly length?: bigint;
}

export interface DestroyObject extends Frame {
  readonly command: "DestroyObject";
  readonly id: number;
}

/** `ranges`: pairs of first and last byte, in the caller's order. */
export interface AllowIovas extends Frame {
  readonly command: "AllowIovas";
  readonly ioasId: number;
  readonly ranges: readonly (readonly [first: bigint, last: bigint])[];
  /** The pointer to the ranges cannot be read. */
  readonly hasBadPointer?: boolean;
}

export interface QueryIovaRanges extends Frame {
  readonly command: "QueryIovaRanges";
  readonly ioasId: number;
  /** Entries that the caller's array holds. */
  readonly slots: number;
  /** The pointer to the array cannot be written. */
  readonly hasBadPointer?: boolean;
}

/** `flags`: MAP_FIXED_IOVA, MAP_WRITEABLE, MAP_READABLE. `iova` counts only with the first, but is always checked. */
export interface MapIova extends Frame {
  readonly command: "MapIova";
  readonly ioasId: number;
  readonly flags: number;
  readonly userVa: bigint;
  readonly length: bigint;
  readonly iova: bigint;
}

export interface CopyIova extends Frame {
  readonly command: "CopyIova";
  readonly flags: number;
  readonly dstIoasId: number;
  readonly srcIoasId: number;
  readonly length: bigint;
  readonly dstIova: bigint;
  readonly srcIova: bigint;
}

export interface UnmapIova extends Frame {
  readonly command: "UnmapIova";
  readonly ioasId: number;
  readonly iova: bigint;
  readonly length: bigint;
}

export const OPTION_RLIMIT_MODE = 0;
export const OPTION_HUGE_PAGES = 1;
export const OPTION_SET = 0;
export const OPTION_GET = 1;

export interface UseOption extends Frame {
  readonly command: "UseOption";
  readonly option: number;
  readonly operation: number;
  /** The ioas of HUGE_PAGES, 0 for RLIMIT_MODE. */
  readonly objectId: number;
  readonly value: bigint;
}

/** IOMMU_TEST_OP_ADD_RESERVED: takes a range out of an ioas for good. */
export interface ReserveIova {
  readonly command: "ReserveIova";
  readonly ioasId: number;
  readonly iova: bigint;
  readonly length: bigint;
}

export type Command =
  | AllocIoas
  | DestroyObject
  | AllowIovas
  | QueryIovaRanges
  | MapIova
  | CopyIova
  | UnmapIova
  | UseOption
  | ReserveIova
  | DeviceCommand
  | ObjectCommand;
