/**
 * Intel's printer: drivers/iommu/intel/dmar.c dmar_fault_do_one, in all its forms.
 *
 *     dmar: DMAR:[DMA Read] Request device [00:02.0] fault addr 1a45aa9000        <= 4.1, and a second line:
 *     DMAR:[fault reason 12] non-zero reserved fields in PTE                      (reason decimal)
 *     DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] ...          4.2 - 5.1
 *     DMAR: [DMA Read] Request device [00:02.0] PASID ffffffff fault addr 9bd00000 [...]     5.2 - 5.13
 *     DMAR: [DMA Read NO_PASID] Request device [0x00:0x02.0] fault addr 0x70ad5000 [...]     5.14 on (reason hex)
 *     DMAR: [DMA Write PASID 0x1] Request device [0000:00:05.0] fault addr ...               7.x: PCI domain
 *     DMAR: [INTR-REMAP] Request device [f0:1f.0] fault index 0x22 [fault reason 0x25] ...
 *
 * The address is that of the page: its low 12 bits are always 0.
 */
import { plainDevice } from "@ioasis/core";
import { type FaultDetail, type FaultPrinter, hexAddress } from "./fault-line.ts";

const REQUEST =
  /(?:\[DMA (Read|Write)(?: NO_PASID| PASID (0x[0-9a-f]+))?\]|\[?INTR-REMAP\]?:?) Request device \[+([0-9a-fx:.]+)\] (?:PASID ([0-9a-f]+) )?fault (addr|index) (?:0x)?([0-9a-f]+)(?![0-9a-f])/i;
const REASON = /\[fault reason (?:0x)?[0-9a-f]+\]/i;
const NO_PASID = 0xffff_ffff;

/** `fault reason 0x05: PTE Write access is not set`, as printed; null when the line has none. */
export function dmarReason(text: string): string | null {
  const match = REASON.exec(text);
  if (match === null) return null;
  const words = text.slice(match.index + match[0].length).trim();
  return words === "" ? match[0].slice(1, -1) : `${match[0].slice(1, -1)}: ${words}`;
}

/** Whether the line is the second one of the old form. */
export function isReasonLine(text: string): boolean {
  return /(?:DMAR|INTR-REMAP):? ?\[fault reason /.test(text);
}

export const dmarPrinter: FaultPrinter = {
  parse(text) {
    if (!text.includes("Request device [")) return null;
    const match = REQUEST.exec(text);
    if (match === null) return "a DMAR fault that breaks off";
    const [, direction, pasid, device, oldPasid, kind, number] = match;
    const isDma = kind === "addr" && direction !== undefined;
    return {
      format: "dmar",
      device: plainDevice(device as string),
      pasid: pasidOf(pasid ?? oldPasid),
      iova: isDma ? hexAddress(number as string) : null,
      access: direction === "Read" ? "read" : direction === "Write" ? "write" : "unknown",
      reason: [isDma ? null : `interrupt remapping, index 0x${number}`, dmarReason(text)].filter(isString).join(", "),
    };
  },
};

/** The detail with the reason that stood on the line below. */
export function withReason(detail: FaultDetail, reason: string): FaultDetail {
  return { ...detail, reason: detail.reason === "" ? reason : `${detail.reason}, ${reason}` };
}

function pasidOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number.parseInt(text, 16);
  return value === NO_PASID ? null : value;
}

function isString(value: string | null): value is string {
  return value !== null;
}
