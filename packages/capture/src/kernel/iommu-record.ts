/**
 * The text of the `iommu:*` trace events (include/trace/events/iommu.h), in every form met:
 * with and without the end address (exclusive; there since 2021), with a `dev=` in front (some
 * Android kernels), and trace-cmd's raw fields (no `IOMMU:`).
 */
import { U64_MAX } from "@ioasis/core";
import { Scanner } from "./scanner.ts";

export interface MapRecord {
  readonly kind: "map";
  readonly iova: bigint;
  readonly last: bigint;
  readonly length: bigint;
  readonly paddr: bigint;
}

/** `removed` (unmapped_size) bytes from `iova` are gone; a driver may remove more than the `length` asked for. */
export interface UnmapRecord {
  readonly kind: "unmap";
  readonly iova: bigint;
  readonly length: bigint;
  readonly removed: bigint;
}

export interface DeviceRecord {
  readonly kind: "attach" | "detach";
  readonly device: string;
}

export interface FaultRecord {
  readonly kind: "fault";
  readonly driver: string;
  readonly device: string;
  readonly iova: bigint;
  readonly isWrite: boolean;
}

export type IommuRecord = MapRecord | UnmapRecord | DeviceRecord | FaultRecord;

const DEVICE = /^(?:IOMMU: )?\s*device=(\S+)\s*$/;
const FAULT = /^IOMMU:\s*(\S+) (\S+) iova=(0x[0-9a-f]{1,16}) flags=(0x[0-9a-f]{1,8})\s*$/i;
const scanner = new Scanner();

/** Null: an event of this name, but not of this form (broken). `other`: none of these events. */
export function iommuRecord(name: string, text: string, at: number): IommuRecord | "other" | null {
  switch (name) {
    case "map":
      return isIommu(text, at) ? mapRecord(text, at) : "other";
    case "unmap":
      return isIommu(text, at) ? unmapRecord(text, at) : "other";
    case "attach_device_to_domain":
    case "detach_device_from_domain": {
      const device = DEVICE.exec(text.slice(at))?.[1];
      if (device === undefined) return null;
      return { kind: name === "attach_device_to_domain" ? "attach" : "detach", device };
    }
    case "io_page_fault":
      return faultRecord(text.slice(at));
    default:
      return "other";
  }
}

/** Other subsystems have events called `map` and `unmap` too. */
function isIommu(text: string, at: number): boolean {
  return text.startsWith("IOMMU:", at) || text.startsWith("iova=", at);
}

/** Steps over `IOMMU: [dev=...] iova=` and reads the address. */
function startAddress(text: string, at: number): bigint | null {
  scanner.start(text, at);
  if (scanner.word("IOMMU:")) scanner.skipSpaces();
  if (scanner.word("dev=")) {
    scanner.token();
    scanner.skipSpaces();
  }
  return scanner.word("iova=") ? scanner.hex() : null;
}

function mapRecord(text: string, at: number): MapRecord | null {
  const iova = startAddress(text, at);
  if (iova === null) return null;
  const end = scanner.word(" - ") ? scanner.hex() : null;
  const paddr = scanner.word(" paddr=") ? scanner.hex() : null;
  const length = scanner.word(" size=") ? scanner.decimal() : null;
  if (paddr === null || length === null || length === 0n || !scanner.isAtEnd) return null;
  const last = iova + length - 1n;
  if (last > U64_MAX || (end !== null && end !== ((last + 1n) & U64_MAX))) return null;
  return { kind: "map", iova, last, length, paddr };
}

function unmapRecord(text: string, at: number): UnmapRecord | null {
  const iova = startAddress(text, at);
  if (iova === null) return null;
  if (scanner.word(" - ") && scanner.hex() === null) return null;
  const length = scanner.word(" size=") ? scanner.decimal() : null;
  const removed = scanner.word(" unmapped_size=") ? scanner.decimal() : null;
  if (length === null || removed === null || !scanner.isAtEnd) return null;
  if (iova + length - 1n > U64_MAX || iova + removed - 1n > U64_MAX) return null;
  return { kind: "unmap", iova, length, removed };
}

/** flags bit 0: IOMMU_FAULT_WRITE (include/linux/iommu.h). */
function faultRecord(text: string): FaultRecord | null {
  const match = FAULT.exec(text);
  if (match === null) return null;
  const [, driver = "", device = "", iova = "0x0", flags = "0x0"] = match;
  return { kind: "fault", driver, device, iova: BigInt(iova), isWrite: (Number(flags) & 1) === 1 };
}
