/**
 * The `pseries` machine (QEMU hw/ppc/spapr.c, spapr_pci.c, spapr_rtas_ddw.c). Its devices do not use
 * guest-physical addresses: DMA goes through windows of bus addresses, listed as `dma-window...`.
 */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions, LayoutRange } from "./layout.ts";
import type { MachineType } from "./machine-type.ts";
import type { Memory } from "./memory-options.ts";
import type { Parts } from "./pc-layout.ts";
import { part, reservedPart, span } from "./ranges.ts";
import { GIB, KIB, MIB, roundUp, sizeWords, TIB } from "./size.ts";

const MEMORY_BLOCK = 256n * MIB;
const PCI_BASE = 32n * TIB;
/** SPAPR_MAX_PHBS. */
const HOST_BRIDGES_MAX = 31;
/** dma_win_addr, dma_win_size; dma64_win_addr (spapr_phb_properties). */
const WINDOW32_BYTES = GIB;
const WINDOW64_FIRST = 1n << 59n;

/** Names of the ranges that are bus addresses. */
export const DMA_WINDOW = "dma-window";

export function pseriesLayout(_type: MachineType, memory: Memory, options: LayoutOptions): Parts {
  const { memoryBytes, maxMemoryBytes } = memory;
  // spapr_validate_node_memory.
  for (const bytes of [memoryBytes, maxMemoryBytes])
    if (bytes % MEMORY_BLOCK !== 0n)
      throw new IoasisError("ERR_USAGE", `pseries with ${sizeWords(bytes)}: memory is a multiple of 256 MiB`);
  // spapr_machine_init: SPAPR_DEVICE_MEM_ALIGN.
  const deviceFirst = roundUp(memoryBytes, GIB);
  const deviceBytes = maxMemoryBytes - memoryBytes;
  if (deviceFirst + deviceBytes > PCI_BASE)
    throw new IoasisError("ERR_USAGE", `pseries with ${sizeWords(maxMemoryBytes)}: PCI begins at 32 TiB`);
  const end = deviceBytes > 0n ? deviceFirst + deviceBytes : memoryBytes;
  return {
    ranges: [
      ...part("ram", "ram", 0n, memoryBytes),
      ...part("device-memory", "device-memory", deviceFirst, deviceBytes),
      ...hostBridges(options),
      ...part("window", `${DMA_WINDOW}-32`, 0n, WINDOW32_BYTES),
      ...part("window", `${DMA_WINDOW}-64`, WINDOW64_FIRST, powerOfTwo(end)),
    ],
    reserved: [reservedPart("msi", "spapr-msi", 0x400_0000_0000n, 0x400_0000_ffffn)],
    notes: [
      "devices use the bus addresses of the dma-window ranges, not guest-physical ones",
      "the guest chooses page and size of the 64-bit window (ibm,create-pe-dma-window): it is listed as it covers all memory",
    ],
  };
}

/** spapr_phb_placement. */
function hostBridges({ hostBridges: count = 1 }: LayoutOptions): LayoutRange[] {
  if (!Number.isInteger(count) || count < 1 || count > HOST_BRIDGES_MAX)
    throw new IoasisError("ERR_USAGE", `${count} PCI host bridges: pseries has 1 to ${HOST_BRIDGES_MAX}`);
  const bridges = Array.from({ length: count }, (_, i) => i);
  return [
    ...bridges.flatMap((i) => part("window", `phb${i}-pio`, PCI_BASE + BigInt(i) * 64n * KIB, 64n * KIB)),
    ...bridges.flatMap((i) => part("window", `phb${i}-mmio32`, PCI_BASE + BigInt(i + 1) * 2n * GIB, 2n * GIB)),
    ...bridges.flatMap((i) =>
      span("window", `phb${i}-mmio64`, PCI_BASE + BigInt(i + 1) * TIB, PCI_BASE + BigInt(i + 2) * TIB - 1n),
    ),
  ];
}

function powerOfTwo(bytes: bigint): bigint {
  let size = 1n;
  while (size < bytes) size <<= 1n;
  return size;
}
