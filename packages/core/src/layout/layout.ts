/**
 * Where a machine type puts guest memory: what follows from QEMU's options alone, never from a host.
 * It is what a VMM maps for DMA when it starts, so that a host can be asked whether it would take it.
 */
import type { Range } from "../range.ts";
import type { MachineName } from "./machine-type.ts";

/** `ram`, `rom` and `device-memory` are mapped for DMA; `window` holds device registers (P2P maps at most). */
export type RangeKind = "ram" | "rom" | "device-memory" | "window";

export interface LayoutRange extends Range {
  readonly kind: RangeKind;
  readonly name: string;
}

/** What the machine tells the guest not to use. */
export interface LayoutReserved extends Range {
  readonly type: "reserved" | "msi";
  readonly name: string;
}

export type ViommuKind = "intel" | "virtio" | "smmuv3" | "amd";

export interface Viommu {
  readonly kind: ViommuKind;
  /** Width of the IOVAs that it offers to the guest; null: the guest's own tables decide. */
  readonly addressBits: number | null;
  /** Smallest page that it offers, bytes; null: that of the host. */
  readonly granuleBytes: bigint | null;
}

export interface GuestLayout {
  readonly machine: MachineName;
  /** The machine type's version, `"9.2"`; null where the type has none (riscv-virt). */
  readonly version: string | null;
  readonly memoryBytes: bigint;
  /** Memory with every slot filled. */
  readonly maxMemoryBytes: bigint;
  /** DIMM slots. */
  readonly slots: number;
  /** Ascending, disjoint; but DMA windows of pseries are bus addresses and stand apart from memory. */
  readonly ranges: readonly LayoutRange[];
  readonly reserved: readonly LayoutReserved[];
  readonly viommu: Viommu | null;
  /** Assigned devices and the bytes of their BARs that are mapped; null: not told. */
  readonly devices: number | null;
  readonly barBytes: bigint | null;
  /** What the options left open, and what was taken. */
  readonly notes: readonly string[];
}

export interface LayoutOptions {
  /** `q35`, `q35-7.1`, `pc-q35-7.1`, `pc-i440fx-9.2`, `virt-9.0`, `pseries-8.2`, `riscv-virt`. */
  readonly machine: string;
  readonly memoryBytes: bigint;
  readonly maxMemoryBytes?: bigint;
  readonly slots?: number;
  readonly cpuVendor?: "amd" | "intel";
  /** Width of the vCPU's physical addresses, where it is chosen. */
  readonly physicalBits?: number;
  /** pc, q35: limit of the RAM below 4 GiB. */
  readonly maxRamBelow4gBytes?: bigint;
  /** pc, q35: size of the 64-bit PCI window. */
  readonly pciHole64Bytes?: bigint;
  /** pc, q35: bytes of the ROM that ends at 4 GiB; null: flash, or a file of unknown size. Default: SeaBIOS, 256 KiB. */
  readonly firmwareBytes?: bigint | null;
  /** pc, q35: a VGA adapter covers 0xa0000-0xbffff. Default: there is one. */
  readonly hasVga?: boolean;
  /** virt: off limits every address to 32 bits. Default: on. */
  readonly highmem?: boolean;
  /** virt: parts of the high region; default on. */
  readonly highmemRedists?: boolean;
  readonly highmemEcam?: boolean;
  readonly highmemMmio?: boolean;
  readonly highmemMmioBytes?: bigint;
  readonly compactHighmem?: boolean;
  /** virt: who takes MSIs; it follows from the GIC that QEMU and the host agree on. */
  readonly msiController?: "its" | "gicv2m" | "none";
  /** pseries: number of PCI host bridges; default 1. */
  readonly hostBridges?: number;
  readonly viommu?: ViommuKind;
  readonly viommuBits?: number;
  readonly viommuGranuleBytes?: bigint;
  readonly devices?: number;
  readonly barBytes?: bigint;
}
