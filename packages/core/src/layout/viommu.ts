/** The emulated IOMMU of a guest: which machine takes which, and how wide it is by default. */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions, Viommu, ViommuKind } from "./layout.ts";
import { isSince, type MachineName, type MachineType } from "./machine-type.ts";

/** machine_class_allow_dynamic_sysbus_dev (pc_q35.c), VIRT_IOMMU_SMMUV3 (virt.c), virtio-iommu-pci's plug handlers. */
const KINDS: Readonly<Record<MachineName, readonly ViommuKind[]>> = {
  q35: ["intel", "amd", "virtio"],
  pc: ["virtio"],
  virt: ["smmuv3", "virtio"],
  pseries: [],
  "riscv-virt": ["virtio"],
};

/** @throws IoasisError ERR_USAGE for an IOMMU that the machine does not take, or a width it does not have */
export function viommuOf(type: MachineType, options: LayoutOptions): Viommu | null {
  const { viommu: kind, viommuBits: bits } = options;
  if (kind === undefined) {
    if (bits === undefined && options.viommuGranuleBytes === undefined) return null;
    throw new IoasisError("ERR_USAGE", "a vIOMMU's width or granule without a vIOMMU: say which (--viommu)");
  }
  if (!KINDS[type.machine].includes(kind)) {
    const others = KINDS[type.machine].join(", ") || "none";
    throw new IoasisError("ERR_USAGE", `vIOMMU ${kind}: ${type.machine} does not take it; it takes ${others}`);
  }
  if (bits !== undefined && !isWidth(kind, bits))
    throw new IoasisError("ERR_USAGE", `vIOMMU ${kind}: no width of ${bits} bits: ${widths(kind)}`);
  return {
    kind,
    addressBits: bits ?? defaultBits(kind, type),
    granuleBytes: options.viommuGranuleBytes ?? defaultGranule(kind, type),
  };
}

/**
 * intel-iommu aw-bits: 48 since 9.2, 39 before (pc_compat_9_1). virtio-iommu-pci aw-bits: 64, but
 * 39 on q35 since 9.0 (pc_q35_compat_defaults).
 */
function defaultBits(kind: ViommuKind, { machine, version }: MachineType): number | null {
  if (kind === "intel") return version !== null && isSince(version, "9.2") ? 48 : 39;
  if (kind === "virtio") return machine === "q35" && version !== null && isSince(version, "9.0") ? 39 : 64;
  return null;
}

/** virtio-iommu granule: that of the host since 9.0, 4 KiB before (hw_compat_8_2). */
function defaultGranule(kind: ViommuKind, { version }: MachineType): bigint | null {
  if (kind === "intel" || kind === "amd") return 0x1000n;
  return kind === "virtio" && version !== null && !isSince(version, "9.0") ? 0x1000n : null;
}

/** vtd_decide_config (intel_iommu.c); virtio_iommu_device_realize. */
function isWidth(kind: ViommuKind, bits: number): boolean {
  if (kind === "intel") return bits === 39 || bits === 48;
  return kind === "virtio" && Number.isInteger(bits) && 32 <= bits && bits <= 64;
}

function widths(kind: ViommuKind): string {
  if (kind === "intel") return "39 or 48";
  return kind === "virtio" ? "32 to 64" : "it cannot be chosen";
}
