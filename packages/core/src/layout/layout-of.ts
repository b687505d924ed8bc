/** A machine type and its options to a layout. */
import { hex } from "../address.ts";
import { IoasisError } from "../failure.ts";
import type { GuestLayout, LayoutOptions } from "./layout.ts";
import { type MachineName, type MachineType, machineType, versionsOf } from "./machine-type.ts";
import { type Memory, memoryOf } from "./memory-options.ts";
import { type Parts, pcLayout } from "./pc-layout.ts";
import { pseriesLayout } from "./pseries-layout.ts";
import { inOrder } from "./ranges.ts";
import { riscvVirtLayout } from "./riscv-virt-layout.ts";
import { roundUp } from "./size.ts";
import { viommuOf } from "./viommu.ts";
import { virtLayout } from "./virt-layout.ts";

const MAKERS: Readonly<Record<MachineName, (type: MachineType, memory: Memory, options: LayoutOptions) => Parts>> = {
  q35: pcLayout,
  pc: pcLayout,
  virt: virtLayout,
  pseries: pseriesLayout,
  "riscv-virt": riscvVirtLayout,
};

/** Options that only some machines have. */
const OWN_OPTIONS: Readonly<Partial<Record<keyof LayoutOptions, readonly MachineName[]>>> = {
  cpuVendor: ["q35", "pc"],
  maxRamBelow4gBytes: ["q35", "pc"],
  pciHole64Bytes: ["q35", "pc"],
  firmwareBytes: ["q35", "pc"],
  hasVga: ["q35", "pc"],
  highmem: ["virt"],
  highmemRedists: ["virt"],
  highmemEcam: ["virt"],
  highmemMmio: ["virt"],
  highmemMmioBytes: ["virt"],
  compactHighmem: ["virt"],
  msiController: ["virt"],
  hostBridges: ["pseries"],
};

/** qemu_create_machine: RAM comes in units of 8 KiB. */
const RAM_UNIT = 8192n;

/** @throws IoasisError ERR_USAGE for what no machine of QEMU starts with */
export function layoutOf(options: LayoutOptions): GuestLayout {
  const type = machineType(options.machine);
  checkOptions(type, options);
  const layout = layoutOfType(type, options);
  return type.isAlias ? { ...layout, notes: [...layout.notes, ...aliasNotes(type, options, layout)] } : layout;
}

function layoutOfType(type: MachineType, options: LayoutOptions): GuestLayout {
  const memory = memoryOf({ ...options, memoryBytes: roundUp(options.memoryBytes, RAM_UNIT) });
  const { ranges, reserved, notes } = MAKERS[type.machine](type, memory, options);
  return {
    machine: type.machine,
    version: type.version,
    ...memory,
    ranges: inOrder(ranges),
    reserved,
    viommu: viommuOf(type, options),
    devices: options.devices ?? null,
    barBytes: options.barBytes ?? null,
    notes,
  };
}

function checkOptions({ machine }: MachineType, options: LayoutOptions): void {
  for (const [name, machines] of Object.entries(OWN_OPTIONS)) {
    const isGiven = options[name as keyof LayoutOptions] !== undefined;
    if (isGiven && !machines.includes(machine))
      throw new IoasisError(
        "ERR_USAGE",
        `${machine} has no option ${optionName(name)}: only ${machines.join(" and ")}`,
        {
          option: name,
        },
      );
  }
  const { physicalBits: bits } = options;
  if (bits !== undefined && (!Number.isInteger(bits) || bits < 32 || bits > 64))
    throw new IoasisError("ERR_USAGE", `${bits} address bits of the vCPU: 32 to 64`, { option: "phys-bits" });
}

/** QEMU's name of an option: `maxRamBelow4gBytes` is max-ram-below-4g. */
function optionName(field: string): string {
  return field.replace(/Bytes$/, "").replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A name without a version means another machine to another QEMU: said where that changes the answer. */
function aliasNotes(type: MachineType, options: LayoutOptions, newest: GuestLayout): string[] {
  const { machine } = type;
  if (machine === "riscv-virt") return [];
  const digest = digestOf(newest);
  const different = versionsOf(machine).findLast(
    (version) => digestOf(layoutOfType({ machine, version, isAlias: false }, options)) !== digest,
  );
  if (different === undefined) return [];
  return [
    `"${machine}" is the newest type of the QEMU that runs, and up to ${machine}-${different} the answer is another: ${machine}-${type.version} is taken; name the version of the guest`,
  ];
}

function digestOf({ ranges, reserved, viommu }: GuestLayout): string {
  const spans = [...ranges, ...reserved].map(({ first, last, name }) => `${hex(first)}-${hex(last)} ${name}`);
  return `${spans.join()} ${viommu?.addressBits} ${viommu?.granuleBytes}`;
}
