/** The i440fx (`pc`) and q35 machines (QEMU hw/i386/pc.c, pc_piix.c, pc_q35.c), as a device sees them after reset. */
import { IoasisError } from "../failure.ts";
import { holes, type Range } from "../range.ts";
import type { LayoutOptions, LayoutRange, LayoutReserved } from "./layout.ts";
import type { MachineType } from "./machine-type.ts";
import type { Memory } from "./memory-options.ts";
import {
  enforcesAmdHole,
  HYPERTRANSPORT_FIRST,
  HYPERTRANSPORT_LAST,
  type PcMemory,
  pcMemory,
  reachesHypertransport,
} from "./pc-memory.ts";
import { checkReach, part, reservedPart, span } from "./ranges.ts";
import { GIB, KIB, MIB } from "./size.ts";

const SEABIOS_BYTES = 256n * KIB;
const IOAPIC = 0xfec0_0000n;
const LOW_RESERVED: readonly LayoutReserved[] = [
  reservedPart("reserved", "ioapic", IOAPIC, IOAPIC + 0xfffn),
  reservedPart("reserved", "hpet", 0xfed0_0000n, 0xfed0_03ffn),
  reservedPart("msi", "apic-msi", 0xfee0_0000n, 0xfeef_ffffn),
];

export interface Parts {
  readonly ranges: readonly LayoutRange[];
  readonly reserved: readonly LayoutReserved[];
  readonly notes: readonly string[];
}

export function pcLayout(type: MachineType, memory: Memory, options: LayoutOptions): Parts {
  if (memory.memoryBytes < MIB)
    throw new IoasisError("ERR_USAGE", `${type.machine} with less than 1 MiB: its first MiB is RAM and ROM`);
  const placed = pcMemory(type, memory, options);
  // pc_memory_init: "Address space limit ... phys-bits too low".
  checkReach(placed.hole64First + placed.hole64Bytes, options.physicalBits, "the 64-bit PCI window");
  const rom = firmware(options);
  const { below4gBytes: low, above4gFirst, above4gBytes, deviceFirst, deviceBytes } = placed;
  return {
    ranges: [
      ...firstMib(options),
      ...lowRam(low, [...LOW_RESERVED, ...rom]),
      ...lowWindows(type, low),
      ...rom,
      ...part("ram", "ram-above-4g", above4gFirst, above4gBytes),
      ...part("device-memory", "device-memory", deviceFirst, deviceBytes),
      ...part("window", "pci-hole64", placed.hole64First, placed.hole64Bytes),
    ],
    reserved: [...LOW_RESERVED, ...hypertransport(type, options)],
    notes: [...firmwareNotes(options), ...vendorNotes(type, placed, options)],
  };
}

/** A limit of 4 GiB lets RAM reach among the registers and the ROM, which hide what lies below them. */
function lowRam(low: bigint, over: readonly Range[]): LayoutRange[] {
  const [all] = span("ram", "ram-below-4g", MIB, low - 1n);
  return all === undefined ? [] : holes(over, all).map((range) => ({ ...all, ...range }));
}

/** What a flat view shows after reset: option ROMs and firmware hide the RAM below them, a VGA adapter its own. */
function firstMib({ hasVga = true, firmwareBytes }: LayoutOptions): LayoutRange[] {
  return [
    ...span("ram", "ram-below-4g", 0n, hasVga ? 0x9_ffffn : 0xb_ffffn),
    ...span("rom", "pc.rom", 0xc_0000n, 0xd_ffffn),
    // x86_isa_bios_init: at most the last 128 KiB of the ROM.
    ...(firmwareBytes === null ? [] : firmwareAlias(firmwareBytes ?? SEABIOS_BYTES)),
  ];
}

function firmwareAlias(bytes: bigint): LayoutRange[] {
  const shown = bytes < 128n * KIB ? bytes : 128n * KIB;
  return span("rom", "pc.bios", MIB - shown, MIB - 1n);
}

/** x86_bios_rom_init: a ROM ends at 4 GiB. Flash is no RAM, and VFIO does not map it. */
function firmware({ firmwareBytes }: LayoutOptions): LayoutRange[] {
  if (firmwareBytes === null) return [];
  const bytes = firmwareBytes ?? SEABIOS_BYTES;
  if (bytes > 0n && bytes <= 16n * MIB && bytes % (64n * KIB) === 0n)
    return part("rom", "pc.bios", 4n * GIB - bytes, bytes);
  throw new IoasisError("ERR_USAGE", `a firmware ROM of ${bytes} bytes: it is a multiple of 64 KiB, 16 MiB at most`);
}

/** q35_host_initfn, i440fx_pcihost_realize: windows below the IOAPIC. */
function lowWindows({ machine }: MachineType, low: bigint): LayoutRange[] {
  if (machine === "pc") return span("window", "pci-hole", low, IOAPIC - 1n);
  return [
    ...span("window", "pcie-ecam", 0xb000_0000n, 0xbfff_ffffn),
    ...span("window", "pci-hole", 0xc000_0000n, IOAPIC - 1n),
  ];
}

/** pc_memory_init: told to guests of AMD's with 40 address bits or more (QEMU's default is 40). */
function hypertransport(type: MachineType, { cpuVendor, physicalBits = 40 }: LayoutOptions): LayoutReserved[] {
  if (cpuVendor !== "amd" || !enforcesAmdHole(type) || physicalBits < 40) return [];
  return [reservedPart("reserved", "hypertransport", HYPERTRANSPORT_FIRST, HYPERTRANSPORT_LAST)];
}

function firmwareNotes({ firmwareBytes }: LayoutOptions): string[] {
  if (firmwareBytes !== null) return [];
  return [
    "the firmware is flash or a file of unknown size: its ROM below 4 GiB and 1 MiB is not listed (--firmware-size)",
  ];
}

function vendorNotes(type: MachineType, placed: PcMemory, { cpuVendor }: LayoutOptions): string[] {
  if (cpuVendor !== undefined || !enforcesAmdHole(type) || !reachesHypertransport(placed)) return [];
  return [
    "the vendor of the vCPU is not told, and with an AMD one RAM above 4 GiB would start at 1 TiB: say --cpu-vendor amd or intel",
  ];
}
