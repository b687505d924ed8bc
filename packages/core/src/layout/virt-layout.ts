/** The Arm `virt` machine (QEMU hw/arm/virt.c: base_memmap, virt_set_memmap, virt_set_high_memmap). */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions, LayoutRange, LayoutReserved } from "./layout.ts";
import { isSince, type MachineType } from "./machine-type.ts";
import type { Memory } from "./memory-options.ts";
import type { Parts } from "./pc-layout.ts";
import { checkReach, part, reservedPart, span } from "./ranges.ts";
import { GIB, MIB, roundUp, sizeWords } from "./size.ts";

const RAM = GIB;
/** LEGACY_RAMLIMIT_BYTES: the high region does not come below 256 GiB. */
const LEGACY_RAM_LIMIT = 255n * GIB;

export function virtLayout(type: MachineType, memory: Memory, options: LayoutOptions): Parts {
  const { memoryBytes, maxMemoryBytes, slots } = memory;
  const bits = options.highmem === false ? 32 : options.physicalBits;
  const deviceFirst = roundUp(RAM + memoryBytes, GIB);
  const deviceBytes = maxMemoryBytes - memoryBytes + BigInt(slots) * GIB;
  const end = deviceFirst + roundUp(deviceBytes, GIB);
  checkReach(end, bits, "memory");
  const base = end < RAM + LEGACY_RAM_LIMIT ? RAM + LEGACY_RAM_LIMIT : end;
  return {
    ranges: [
      ...span("window", "pcie-mmio", 0x1000_0000n, 0x3efe_ffffn),
      ...part("ram", "ram", RAM, memoryBytes),
      ...part("device-memory", "device-memory", deviceFirst, deviceBytes),
      ...highRegions(type, base, bits ?? 64, options),
    ],
    reserved: doorbell(options),
    notes: notesOf(bits, options),
  };
}

function notesOf(bits: number | undefined, { msiController }: LayoutOptions): string[] {
  const notes: string[] = [];
  if (bits === undefined)
    notes.push("the vCPU's address bits are not told: the high PCIe windows are listed as if they fit (--phys-bits)");
  if (msiController === undefined)
    notes.push(
      "who takes MSIs is not told (it follows from the GIC): no doorbell page is listed (--msi its, gicv2m or none)",
    );
  return notes;
}

interface HighRegion {
  readonly name: string;
  readonly bytes: bigint;
  readonly isEnabled: boolean;
}

/** extended_memmap in order, each aligned to its size; what is off or does not fit takes no room in a compact map. */
function highRegions(type: MachineType, base: bigint, bits: number, options: LayoutOptions): LayoutRange[] {
  const isCompact = options.compactHighmem ?? (type.version !== null && isSince(type.version, "7.2"));
  const mmioBytes = options.highmemMmioBytes ?? 512n * GIB;
  // virt_set_highmem_mmio_size.
  if ((mmioBytes & (mmioBytes - 1n)) !== 0n || mmioBytes < 512n * GIB)
    throw new IoasisError(
      "ERR_USAGE",
      `highmem-mmio-size of ${sizeWords(mmioBytes)}: it is a power of two, 512 GiB at least`,
    );
  // VirtMachineClass::no_highmem_ecam, true up to 2.12.
  const hasEcam = type.version !== null && isSince(type.version, "3.0");
  const regions: HighRegion[] = [
    { name: "gic-redist2", bytes: 64n * MIB, isEnabled: options.highmemRedists ?? true },
    { name: "pcie-ecam", bytes: 256n * MIB, isEnabled: hasEcam && (options.highmemEcam ?? true) },
    { name: "pcie-mmio-high", bytes: mmioBytes, isEnabled: options.highmemMmio ?? true },
  ];
  const result: LayoutRange[] = [];
  let next = base;
  for (const { name, bytes, isEnabled } of regions) {
    const first = roundUp(next, bytes);
    const isUsed = isEnabled && first + bytes <= 1n << BigInt(bits);
    if (isUsed) result.push(...part("window", name, first, bytes));
    if (isUsed || !isCompact) next = first + bytes;
  }
  return result;
}

/** virt_machine_device_pre_plug_cb: the page that MSIs are written to, which a virtio-iommu keeps free. */
function doorbell({ msiController }: LayoutOptions): LayoutReserved[] {
  if (msiController === undefined || msiController === "none") return [];
  if (msiController === "gicv2m") return [reservedPart("msi", "gicv2m", 0x0802_0000n, 0x0802_0fffn)];
  return [reservedPart("msi", "gic-its", 0x0809_0000n, 0x0809_ffffn)];
}
