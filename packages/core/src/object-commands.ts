/**
 * The calls on queues, vIOMMUs and what belongs to them (include/uapi/linux/iommufd.h). Numbers as the
 * kernel receives them. What a driver finds in its own data is an input: no call tells it.
 */
import type { Frame } from "./commands.ts";

export interface AllocFaultQueue extends Frame {
  readonly command: "AllocFaultQueue";
  readonly flags: number;
}

/** close(2) of the file of a fault or event queue. `id`: the queue's. */
export interface CloseQueueFile {
  readonly command: "CloseQueueFile";
  readonly id: number;
}

export interface AllocViommu extends Frame {
  readonly command: "AllocViommu";
  readonly flags: number;
  readonly viommuType: number;
  readonly deviceId: number;
  readonly hwptId: number;
}

export interface AllocVdevice extends Frame {
  readonly command: "AllocVdevice";
  readonly viommuId: number;
  readonly deviceId: number;
  readonly virtualId: bigint;
}

export interface AllocVeventQueue extends Frame {
  readonly command: "AllocVeventQueue";
  readonly flags: number;
  readonly viommuId: number;
  readonly queueType: number;
  readonly depth: number;
}

export interface AllocHwQueue extends Frame {
  readonly command: "AllocHwQueue";
  readonly flags: number;
  readonly viommuId: number;
  readonly queueType: number;
  readonly index: number;
  readonly iova: bigint;
  readonly length: bigint;
  /** The pages behind the range are one run of physical memory; left out: they are. */
  readonly isContiguous?: boolean;
}

export interface InvalidateHwpt extends Frame {
  readonly command: "InvalidateHwpt";
  /** A nested page table's or a vIOMMU's. */
  readonly objectId: number;
  readonly dataType: number;
  readonly entryBytes: number;
  readonly entries: number;
  /** The pointer to the entries is null. */
  readonly hasNoData?: boolean;
  /** The first entry that the driver refuses, and how; left out: none. */
  readonly refused?: { readonly entry: number; readonly errno: "EINVAL" | "EOPNOTSUPP" | "EIO" };
}

export type ObjectCommand =
  | AllocFaultQueue
  | CloseQueueFile
  | AllocViommu
  | AllocVdevice
  | AllocVeventQueue
  | AllocHwQueue
  | InvalidateHwpt;
