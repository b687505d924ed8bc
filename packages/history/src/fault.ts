/** A DMA fault as a log tells it: the question that `explain` answers. */
import { type ClockJson, hex, type Iova, type Range, type Stamp, stampToJson } from "@ioasis/core";

export interface Fault {
  /** The printer: `dmar`, `amd-vi`, `smmu-v2`, `smmu-v3`, `virtio-iommu`, `io_page_fault`. */
  readonly format: string;
  readonly device: string | null;
  readonly pasid: number | null;
  readonly iova: Iova | null;
  readonly access: "read" | "write" | "unknown";
  /** The printer's words. */
  readonly reason: string;
  readonly stamp: Stamp | null;
}

export interface FaultJson {
  readonly format: string;
  readonly device: string | null;
  readonly pasid: number | null;
  readonly iova: string | null;
  readonly access: Fault["access"];
  readonly reason: string;
  readonly time: string | null;
  readonly clock: ClockJson | null;
}

export function faultToJson({ format, device, pasid, iova, access, reason, stamp }: Fault): FaultJson {
  return { format, device, pasid, iova: iova === null ? null : hex(iova), access, reason, ...stampToJson(stamp) };
}

const PAGE_LAST = 0xfffn;

/**
 * The bytes that the device may have meant. DMAR reports the 4 KiB page (dmar_fault masks the fault
 * address with VTD_PAGE_MASK); the others report the address itself.
 */
export function faultRange(fault: Fault): Range | null {
  const { iova } = fault;
  if (iova === null) return null;
  return isPageMasked(fault) ? { first: iova, last: (iova | PAGE_LAST) as Iova } : { first: iova, last: iova };
}

export function isPageMasked({ format, iova }: Fault): boolean {
  return format === "dmar" && iova !== null && (iova & PAGE_LAST) === 0n;
}

/** What the hardware itself says of the cause, where its words leave no other reading. */
export function hardwareSays({ reason }: Fault): "not-attached" | "beyond-aperture" | null {
  if (NOT_ATTACHED.test(reason)) return "not-attached";
  return BEYOND_APERTURE.test(reason) ? "beyond-aperture" : null;
}

/** DMAR fault reasons 0x01-0x03, 0x0b and their scalable-mode kin; SMMU v3 events; AMD-Vi. */
const NOT_ATTACHED =
  /(?:present bit in|invalid) (?:the )?(?:root|context|directory|pasid)[- ](?:table )?entry|context entry is clear|C_BAD_(?:STE|CD|STREAMID)|F_STREAM_DISABLED|ILLEGAL_DEV_TABLE_ENTRY/i;
/** DMAR fault reason 0x04; SMMU v3 F_ADDR_SIZE. */
const BEYOND_APERTURE = /beyond MGAW|F_ADDR_SIZE/i;
