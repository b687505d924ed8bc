/**
 * drivers/iommu/virtio-iommu.c viommu_fault_handler:
 *
 *     virtio_iommu virtio0: page fault from EP 40 at 0x100000 [W]
 *
 * The device often does not say what the access was: `[]`.
 */
import { type FaultPrinter, hexAddress } from "./fault-line.ts";

const FAULT = /(\w+) fault from EP (\d+)(?: at (0x[0-9a-f]+))? \[([RWX]*)\]/;

export const virtioIommuPrinter: FaultPrinter = {
  parse(text) {
    if (!text.includes(" fault from EP ")) return null;
    const match = FAULT.exec(text);
    if (match === null) return "a virtio-iommu fault that breaks off";
    const [, reason, endpoint, address, access] = match;
    return {
      format: "virtio-iommu",
      device: `endpoint ${endpoint}`,
      pasid: null,
      iova: address === undefined ? null : hexAddress(address),
      access: access?.includes("W") ? "write" : access?.includes("R") ? "read" : "unknown",
      reason: `${reason} fault`,
    };
  },
};
