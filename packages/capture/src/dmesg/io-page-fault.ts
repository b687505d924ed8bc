/**
 * The trace event of include/trace/events/iommu.h, in ftrace, perf and trace-cmd text (and in a
 * kernel log that holds a dump of the trace):
 *
 *     irq/26-AMD-Vi-154     [006] .....   327.753942: io_page_fault: IOMMU:ath12k_pci 0000:c2:00.0 iova=0x00000000fe980000 flags=0x0001
 *
 * Flags: IOMMU_FAULT_READ 0, IOMMU_FAULT_WRITE 1.
 */
import type { Stamp } from "@ioasis/core";
import { type FaultPrinter, hexAddress } from "./fault-line.ts";

const EVENT = /\bio_page_fault: +IOMMU: ?(.*?) ?(\S+) iova=(0x[0-9a-f]+) flags=(0x[0-9a-f]+)/;
const TIME = /\s(\d{1,10})\.(\d{3,9}): +(?:iommu:)?io_page_fault:/;

export const ioPageFaultPrinter: FaultPrinter = {
  parse(text) {
    if (!text.includes("io_page_fault:")) return null;
    const match = EVENT.exec(text);
    if (match === null) return "an io_page_fault event that breaks off";
    const [, driver, device, address, flags] = match;
    return {
      format: "io_page_fault",
      device: device as string,
      pasid: null,
      iova: hexAddress(address as string),
      access: (Number.parseInt(flags as string, 16) & 1) === 1 ? "write" : "read",
      reason: driver === "" ? `flags ${flags}` : `driver ${driver}, flags ${flags}`,
    };
  },
};

/** The trace's own clock at such a line. */
export function traceStampOf(text: string): Stamp | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  return { clock: "trace", ticks: BigInt(`${match[1]}${match[2]}`), decimals: (match[2] as string).length };
}
