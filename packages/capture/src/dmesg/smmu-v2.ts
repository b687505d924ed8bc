/**
 * Arm SMMU v1/v2: drivers/iommu/arm/arm-smmu/arm-smmu.c arm_smmu_context_fault; vendors print the
 * fields in another order.
 *
 *     arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x402, iova=0x9c4b9000, fsynr=0x7c0020, cbfrsynra=0x800, cb=7
 */
import { type FaultPrinter, hexAddress } from "./fault-line.ts";

/** ARM_SMMU_CB_FSR_*; bit numbers of the register. */
const FSR_BITS: Readonly<Record<number, string>> = {
  1: "translation fault",
  2: "access flag fault",
  3: "permission fault",
  4: "external fault",
  5: "TLB match conflict",
  6: "TLB lock fault",
  7: "address size fault",
  8: "unsupported upstream transaction",
};
const FSYNR_WRITE = 1 << 4;

export const smmuV2Printer: FaultPrinter = {
  parse(text) {
    const at = text.indexOf("Unhandled context fault:");
    if (at < 0) return null;
    const fields = new Map([...text.slice(at).matchAll(/(\w+)=(?:0x)?([0-9a-f]+)\b/gi)].map(([, k, v]) => [k, v]));
    const iova = hexAddress(fields.get("iova") ?? "");
    const fsr = Number.parseInt(fields.get("fsr") ?? "", 16);
    if (iova === null || Number.isNaN(fsr)) return "an SMMU context fault that breaks off";
    const stream = fields.get("cbfrsynra");
    const fsynr = Number.parseInt(fields.get("fsynr") ?? fields.get("fsynr0") ?? "", 16);
    const kinds = Object.entries(FSR_BITS).filter(([bit]) => (fsr & (1 << Number(bit))) !== 0);
    return {
      format: "smmu-v2",
      device: stream === undefined ? null : `sid 0x${(Number.parseInt(stream, 16) & 0xffff).toString(16)}`,
      pasid: null,
      iova,
      access: Number.isNaN(fsynr) ? "unknown" : (fsynr & FSYNR_WRITE) !== 0 ? "write" : "read",
      reason: [...kinds.map(([, words]) => words), `fsr 0x${fsr.toString(16)}`].join(", "),
    };
  },
};
