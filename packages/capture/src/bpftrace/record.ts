/**
 * One line of the bpftrace recorders: a finished ioctl, the end of an open file, a page-table
 * event, a clock anchor. Times are nanoseconds of CLOCK_MONOTONIC.
 */
import type { Actor } from "@ioasis/core";
import type { IommuRecord } from "../kernel/iommu-record.ts";
import type { CallFields } from "./call-fields.ts";

export interface CallRecord {
  readonly kind: "call";
  /** Entry and exit. */
  readonly start: bigint;
  readonly end: bigint;
  readonly actor: Actor;
  readonly fd: number;
  /** Name of the file behind the fd: `vfio` container, a number group, `vfioN` device, `iommu`. */
  readonly fileName: string;
  /** Kernel address of the open file: its identity, whatever the fd. */
  readonly file: string;
  readonly cmd: number;
  readonly arg: bigint;
  /** -errno, or what the ioctl returns. */
  readonly ret: number;
  readonly fields: CallFields;
}

export interface ReleaseRecord {
  readonly kind: "release";
  readonly what: string;
  readonly time: bigint;
  readonly actor: Actor;
  readonly file: string;
}

export interface PageTableRecord {
  readonly kind: "iommu";
  readonly time: bigint;
  readonly actor: Actor;
  /** Null: an event that says nothing (bpftrace 0.23 prints device names as empty). */
  readonly record: IommuRecord | null;
}

export interface AnchorRecord {
  readonly kind: "anchor";
  readonly time: bigint;
  readonly clock: string;
  readonly seconds: string;
  readonly realtime: string;
}

export type BpftraceRecord = CallRecord | ReleaseRecord | PageTableRecord | AnchorRecord;
