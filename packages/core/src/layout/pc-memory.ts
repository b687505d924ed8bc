/** How pc and q35 place RAM, device memory and the 64-bit PCI window (QEMU hw/i386). */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions } from "./layout.ts";
import { isSince, type MachineType } from "./machine-type.ts";
import type { Memory } from "./memory-options.ts";
import { GIB, MIB, roundUp, sizeWords, TIB } from "./size.ts";

/** AMD_HT_START ... AMD_HT_END (pc.c): HyperTransport's reserved range. */
export const HYPERTRANSPORT_FIRST = 0xfd_0000_0000n;
export const HYPERTRANSPORT_LAST = 0xff_ffff_ffffn;
const FOUR_GIB = 4n * GIB;

export interface PcMemory {
  readonly below4gBytes: bigint;
  readonly above4gFirst: bigint;
  readonly above4gBytes: bigint;
  readonly deviceFirst: bigint;
  readonly deviceBytes: bigint;
  readonly hole64First: bigint;
  readonly hole64Bytes: bigint;
}

/** pc_memory_init: RAM above 4 GiB moves above 1 TiB where a guest of AMD's would reach into HyperTransport's range. */
export function pcMemory(type: MachineType, memory: Memory, options: LayoutOptions): PcMemory {
  const placed = pcMemoryFrom(FOUR_GIB, type, memory, options);
  return movesAbove1Tib(type, placed, options) ? pcMemoryFrom(TIB, type, memory, options) : placed;
}

/** Whether the answer hangs on the vendor of the vCPU: IS_AMD_CPU and pc_max_used_gpa (pc.c). */
export function reachesHypertransport({ hole64First, hole64Bytes }: PcMemory): boolean {
  return hole64First + hole64Bytes - 1n >= HYPERTRANSPORT_FIRST;
}

/** PCMachineClass::enforce_amd_1tb_hole, false up to 7.0. */
export function enforcesAmdHole({ version }: MachineType): boolean {
  return version !== null && isSince(version, "7.1");
}

function movesAbove1Tib(type: MachineType, placed: PcMemory, { cpuVendor }: LayoutOptions): boolean {
  return cpuVendor === "amd" && enforcesAmdHole(type) && reachesHypertransport(placed);
}

function pcMemoryFrom(
  above4gFirst: bigint,
  { machine, version }: MachineType,
  memory: Memory,
  options: LayoutOptions,
): PcMemory {
  const { memoryBytes, maxMemoryBytes, slots } = memory;
  const limit = lowLimit(options);
  const low = machine === "q35" ? lowOfQ35(memoryBytes, limit) : lowOfPc(memoryBytes, limit);
  const above4gBytes = memoryBytes > low ? memoryBytes - low : 0n;
  const below4gBytes = memoryBytes - above4gBytes;
  const end = above4gFirst + above4gBytes;
  // pc_get_device_memory_range: each slot may need a page of 1 GiB to align.
  const deviceFirst = roundUp(end, GIB);
  const deviceBytes = maxMemoryBytes > memoryBytes ? maxMemoryBytes - memoryBytes + BigInt(slots) * GIB : 0n;
  // pc_pci_hole64_start; PCMachineClass::broken_reserved_end, true up to 2.4.
  const afterDevices = deviceBytes > 0n && version !== null && isSince(version, "2.5");
  return {
    below4gBytes,
    above4gFirst,
    above4gBytes,
    deviceFirst,
    deviceBytes,
    hole64First: roundUp(afterDevices ? deviceFirst + deviceBytes : end, GIB),
    hole64Bytes: options.pciHole64Bytes ?? (machine === "q35" ? 32n * GIB : 2n * GIB),
  };
}

/** pc_machine_set_max_ram_below_4g. */
function lowLimit({ maxRamBelow4gBytes: limit }: LayoutOptions): bigint | null {
  if (limit === undefined) return null;
  if (limit >= MIB && limit <= FOUR_GIB) return limit;
  throw new IoasisError("ERR_USAGE", `max-ram-below-4g of ${sizeWords(limit)}: it is 1 MiB to 4 GiB`);
}

/** pc_q35_init: room for ECAM and devices, and RAM that does not fit is split at a whole GiB. */
function lowOfQ35(memoryBytes: bigint, limit: bigint | null): bigint {
  const low = memoryBytes >= 0xb000_0000n ? 0x8000_0000n : 0xb000_0000n;
  return limit !== null && limit < low ? limit : low;
}

/** pc_init1: 3.5 GiB (or the limit); what does not fit is split at 3 GiB (gigabyte_align). */
function lowOfPc(memoryBytes: bigint, limit: bigint | null): bigint {
  const low = limit ?? 0xe000_0000n;
  return memoryBytes >= low && low > 0xc000_0000n ? 0xc000_0000n : low;
}
