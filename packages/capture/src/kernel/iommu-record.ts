/**
 * The text of the `iommu:*` trace events (include/trace/events/iommu.h), in every form met:
 * with and without the end address (exclusive; there since 2021), with a `dev=` in front (some
 * Android kernels), and trace-cmd's raw fields (no `IOMMU:`).
 */
import type { Line } from "../line.ts";
import { exactOf, Scanner, wordOf } from "./scanner.ts";

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
const HALF = 0x1_0000_0000;
const IOMMU = wordOf("IOMMU:");
const DEV = wordOf("dev=");
const IOVA = wordOf("iova=");
const TO = wordOf(" - ");
const PADDR = wordOf(" paddr=");
const SIZE = wordOf(" size=");
const UNMAPPED_SIZE = wordOf(" unmapped_size=");
const scanner = new Scanner();

/** Null: an event of this name, but not of this form (broken). `other`: none of these events. */
export function iommuRecord(name: string, line: Line, at: number): IommuRecord | "other" | null {
  switch (name) {
    case "map":
      return isIommu(line, at) ? mapRecord() : "other";
    case "unmap":
      return isIommu(line, at) ? unmapRecord() : "other";
    case "attach_device_to_domain":
    case "detach_device_from_domain": {
      const device = DEVICE.exec(line.slice(at, line.to))?.[1];
      if (device === undefined) return null;
      return { kind: name === "attach_device_to_domain" ? "attach" : "detach", device };
    }
    case "io_page_fault":
      return faultRecord(line.slice(at, line.to));
    default:
      return "other";
  }
}

/** Other subsystems have events called `map` and `unmap` too. */
function isIommu({ bytes, to }: Line, at: number): boolean {
  scanner.start(bytes, at, to);
  const isOurs = scanner.word(IOMMU) || scanner.word(IOVA);
  scanner.at = at;
  return isOurs;
}

/** Steps over `IOMMU: [dev=...] iova=` and reads the address. */
function startAddress(): boolean {
  if (scanner.word(IOMMU)) scanner.skipSpaces();
  if (scanner.word(DEV)) {
    scanner.skipToken();
    scanner.skipSpaces();
  }
  return scanner.word(IOVA) && scanner.hex();
}

function mapRecord(): MapRecord | null {
  if (!startAddress()) return null;
  const { high, low } = scanner;
  const hasEnd = scanner.word(TO) && scanner.hex();
  const { high: endHigh, low: endLow } = scanner;
  if (!scanner.word(PADDR) || !scanner.hex()) return null;
  const paddr = scanner.exact;
  if (!scanner.word(SIZE) || !scanner.decimal() || !scanner.isAtEnd) return null;
  if ((scanner.high === 0 && scanner.low === 0) || reachesBeyond(high, low)) return null;
  // The end is exclusive: 2^64 is printed as 0.
  const sumLow = (low + scanner.low) >>> 0;
  const sumHigh = high + scanner.high + (sumLow < low ? 1 : 0);
  if (hasEnd && (endLow !== sumLow || endHigh !== sumHigh >>> 0)) return null;
  const last = exactOf(sumLow === 0 ? sumHigh - 1 : sumHigh, sumLow - 1);
  return { kind: "map", iova: exactOf(high, low), last, length: scanner.exact, paddr };
}

function unmapRecord(): UnmapRecord | null {
  if (!startAddress()) return null;
  const { high, low } = scanner;
  if (scanner.word(TO) && !scanner.hex()) return null;
  if (!scanner.word(SIZE) || !scanner.decimal() || reachesBeyond(high, low)) return null;
  const length = scanner.exact;
  if (!scanner.word(UNMAPPED_SIZE) || !scanner.decimal() || reachesBeyond(high, low) || !scanner.isAtEnd) return null;
  return { kind: "unmap", iova: exactOf(high, low), length, removed: scanner.exact };
}

/** Whether so many bytes as the last number says, from this address on, end beyond 2^64. */
function reachesBeyond(high: number, low: number): boolean {
  const sumLow = (low + scanner.low) >>> 0;
  const sumHigh = high + scanner.high + (sumLow < low ? 1 : 0);
  return sumHigh > HALF || (sumHigh === HALF && sumLow !== 0);
}

/** flags bit 0: IOMMU_FAULT_WRITE (include/linux/iommu.h). */
function faultRecord(text: string): FaultRecord | null {
  const match = FAULT.exec(text);
  if (match === null) return null;
  const [, driver = "", device = "", iova = "0x0", flags = "0x0"] = match;
  return { kind: "fault", driver, device, iova: BigInt(iova), isWrite: (Number(flags) & 1) === 1 };
}
