/**
 * AMD's printer: drivers/iommu/amd/iommu.c iommu_print_event, amd_iommu_report_page_fault.
 *
 *     AMD-Vi: Event logged [IO_PAGE_FAULT device=20:00.0 domain=0x0003 address=0x000000f4001eef80 flags=0x0010]
 *     ath10k_pci 0000:01:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d address=0xcff49550 flags=0x0070]
 *     AMD-Vi: Event logged [                                                      4.x: two lines
 *     IO_PAGE_FAULT device=05:00.0 domain=0x0012 address=0x00000000ff6101b0 flags=0x0070]
 *
 * The address is exact. Flags (AMD I/O Virtualization Specification, table of IO_PAGE_FAULT): GN 1,
 * NX 2, US 4, I 8 (an interrupt), PR 0x10 (the page is present), RW 0x20 (a write), PE 0x40 (no
 * permission), RZ 0x80.
 */
import { isPciAddress } from "@ioasis/core";
import { type FaultAccess, type FaultPrinter, hexAddress } from "./fault-line.ts";

const EVENT = /\b([A-Z]{2,}(?:_[A-Z]+)+) ((?:[a-z_]+=[^\s\]=]+ ?)+)(\])?/;
const FLAG_GUEST = 0x01;
const FLAG_INTERRUPT = 0x08;
const FLAG_PRESENT = 0x10;
const FLAG_WRITE = 0x20;
const FLAG_DENIED = 0x40;

/** Events whose address is one that a device used; of the others it is a table's or a command's. */
const WITH_IOVA = new Set(["IO_PAGE_FAULT", "INVALID_DEVICE_REQUEST", "RMP_PAGE_FAULT", "INVALID_PPR_REQUEST"]);

/** Whether the event itself stands on the next line. */
export function isOpenEvent(text: string): boolean {
  return /AMD-Vi: Event logged \[\s*$/.test(text);
}

export const amdViPrinter: FaultPrinter = {
  parse(text) {
    const isEvent = /AMD-Vi: (?:Unknown )?[Ee]vent logged \[|\bIO_PAGE_FAULT\b|\bINVALID_DEVICE_REQUEST\b/.test(text);
    if (!isEvent || isOpenEvent(text)) return null;
    const [, name, list, close] = EVENT.exec(text) ?? [];
    if (name === undefined || list === undefined || close === undefined) return "an AMD-Vi event that breaks off";
    const fields = new Map(list.trim().split(/ +/).map(splitField));
    const flags = Number.parseInt(fields.get("flags") ?? "0", 16);
    const pasid = fields.get("pasid");
    return {
      format: "amd-vi",
      device: fields.get("device") ?? driverDevice(text),
      pasid: pasid === undefined || (flags & FLAG_GUEST) === 0 ? null : Number.parseInt(pasid, 16),
      iova: WITH_IOVA.has(name) ? hexAddress(fields.get("address") ?? "") : null,
      access: accessOf(name, flags),
      reason: [name, ...words(name, flags), fields.has("flags") ? `flags ${fields.get("flags")}` : ""]
        .filter((part) => part !== "")
        .join(", "),
    };
  },
};

function splitField(field: string): [string, string] {
  const at = field.indexOf("=");
  return [field.slice(0, at), field.slice(at + 1)];
}

/** `0000:01:00.0` of `ath10k_pci 0000:01:00.0: AMD-Vi: ...`. */
function driverDevice(text: string): string | null {
  const name = /(\S+): AMD-Vi:/.exec(text)?.[1];
  return name !== undefined && isPciAddress(name) ? name : null;
}

function accessOf(name: string, flags: number): FaultAccess {
  if (name !== "IO_PAGE_FAULT" || (flags & FLAG_INTERRUPT) !== 0) return "unknown";
  return (flags & FLAG_WRITE) !== 0 ? "write" : "read";
}

function words(name: string, flags: number): string[] {
  if (name !== "IO_PAGE_FAULT") return [];
  if ((flags & FLAG_INTERRUPT) !== 0) return ["interrupt"];
  if ((flags & FLAG_DENIED) !== 0) return ["no permission"];
  return [(flags & FLAG_PRESENT) !== 0 ? "page present" : "page not present"];
}
