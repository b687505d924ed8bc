/** A DMA fault as a log prints it, one for one line or one group of lines. */
import type { Iova, Stamp } from "@ioasis/core";

/** A kernel message is at most 1 KiB; what stands behind so many characters of a line is not looked at. */
export const FAULT_TEXT_MAX = 4_096;

export type FaultAccess = "read" | "write" | "unknown";
export type FaultFormat = "dmar" | "amd-vi" | "smmu-v2" | "smmu-v3" | "virtio-iommu" | "io_page_fault";

/** What a printer says; null and `"unknown"`: it does not say. */
export interface FaultDetail {
  readonly format: FaultFormat;
  /** As printed (`00:05.0`, `0000:00:05.0`), `endpoint 40` (virtio-iommu), `sid 0x800` (SMMU). */
  readonly device: string | null;
  readonly pasid: number | null;
  readonly iova: Iova | null;
  readonly access: FaultAccess;
  /** The printer's words and its number. */
  readonly reason: string;
}

export interface FaultLine extends FaultDetail {
  readonly stamp: Stamp | null;
  /** 1-based; of the first line where a fault takes several. */
  readonly line: number;
}

/** The address of a hexadecimal number with or without `0x`; null when it has more than 64 bits. */
export function hexAddress(text: string): Iova | null {
  const digits = text.replace(/^0x/i, "");
  return /^[0-9a-f]{1,16}$/i.test(digits) ? (BigInt(`0x${digits}`) as Iova) : null;
}

/** One printer's way of telling a fault on a line of its own. */
export interface FaultPrinter {
  /** The fault that `text` tells; null: none; a string: it tells one, but breaks off or is garbled. */
  parse(text: string): FaultDetail | string | null;
}
