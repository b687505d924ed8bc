/** The RISC-V `virt` machine, 64 bit (QEMU hw/riscv/virt.c: virt_memmap, virt_machine_init). */
import { IoasisError } from "../failure.ts";
import type { LayoutOptions } from "./layout.ts";
import type { MachineType } from "./machine-type.ts";
import type { Memory } from "./memory-options.ts";
import type { Parts } from "./pc-layout.ts";
import { checkReach, part, span } from "./ranges.ts";
import { GIB, roundUp } from "./size.ts";

const RAM = 0x8000_0000n;
/** VIRT64_HIGH_PCIE_MMIO_SIZE. */
const HIGH_PCIE_BYTES = 16n * GIB;

export function riscvVirtLayout(_type: MachineType, memory: Memory, options: LayoutOptions): Parts {
  const { memoryBytes, maxMemoryBytes } = memory;
  if (maxMemoryBytes > memoryBytes)
    throw new IoasisError(
      "ERR_USAGE",
      "riscv-virt with maxmem: where its device memory goes is not modelled: leave it out",
    );
  const highFirst = roundUp(RAM + memoryBytes, HIGH_PCIE_BYTES);
  checkReach(RAM + memoryBytes, options.physicalBits, "memory");
  return {
    ranges: [
      ...span("window", "pcie-ecam", 0x3000_0000n, 0x3fff_ffffn),
      ...span("window", "pcie-mmio", 0x4000_0000n, 0x7fff_ffffn),
      ...part("ram", "ram", RAM, memoryBytes),
      ...part("window", "pcie-mmio-high", highFirst, HIGH_PCIE_BYTES),
    ],
    reserved: [],
    notes: [],
  };
}
