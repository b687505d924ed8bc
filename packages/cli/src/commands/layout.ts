import {
  IoasisError,
  type LayoutOptions,
  layoutOf,
  layoutOptionsOfQemuArgs,
  layoutToJson,
  sizeOf,
  splitCommandLine,
  type ViommuKind,
} from "@ioasis/core";
import { type Command, InvalidArgumentError } from "commander";
import { answer, command, run, type Shell } from "../command.ts";
import { layoutText } from "../format/layout-text.ts";
import type { CommonOptions } from "../world.ts";

interface Options extends CommonOptions {
  readonly machine?: string;
  readonly memory?: string;
  readonly maxmem?: string;
  readonly slots?: number;
  readonly cpuVendor?: string;
  readonly physBits?: number;
  readonly maxRamBelow4g?: string;
  readonly pciHole64?: string;
  readonly firmwareSize?: string;
  /** False by --no-vga; commander's default is true. */
  readonly vga: boolean;
  readonly msi?: string;
  readonly hostBridges?: number;
  readonly viommu?: string;
  readonly awBits?: number;
  readonly granule?: string;
  readonly devices?: number;
  readonly bars?: string;
  readonly qemuArgs?: string;
}

export function layoutCommand(shell: Shell): Command {
  return command(
    "layout --machine M --memory SIZE [options] | --qemu-args ARGS",
    "Where a machine type puts guest memory: from its options alone, never from a host",
  )
    .option("--machine <name>", "q35, pc, virt, pseries, riscv-virt, with -VERSION (q35-7.1) or QEMU's own name")
    .option("--memory <size>", "RAM at start, as QEMU's -m: 8G; a number alone counts MiB")
    .option("--maxmem <size>", "RAM with every slot filled")
    .option("--slots <n>", "DIMM slots", wholeNumber)
    .option("--cpu-vendor <name>", "amd or intel: with amd, RAM may move above 1 TiB (pc and q35 since 7.1)")
    .option("--phys-bits <n>", "address bits of the vCPU", wholeNumber)
    .option("--max-ram-below-4g <size>", "pc, q35")
    .option("--pci-hole64 <size>", "pc, q35: size of the 64-bit PCI window")
    .option("--firmware-size <size>", "pc, q35: size of the ROM (default: SeaBIOS, 256K), or flash")
    .option("--no-vga", "pc, q35: no VGA adapter at 0xa0000")
    .option("--msi <controller>", "virt: its, gicv2m or none")
    .option("--host-bridges <n>", "pseries: PCI host bridges", wholeNumber)
    .option("--viommu <kind>", "intel, amd, virtio or smmuv3")
    .option("--aw-bits <n>", "width of the vIOMMU, where it is chosen", wholeNumber)
    .option("--granule <size>", "smallest page of the vIOMMU, where it is chosen")
    .option("--devices <n>", "assigned devices: behind a vIOMMU each pins the memory again", wholeNumber)
    .option("--bars <size>", "BARs of assigned devices: iommufd charges them to locked memory")
    .option("--qemu-args <args>", "a whole QEMU command line; what it leaves open may be given beside it")
    .action((options: Options) =>
      run(shell, options, async (given) => {
        const layout = layoutOf(layoutOptions(given));
        for (const note of layout.notes) shell.world.err(`ioasis: ${note}\n`);
        answer(shell.world, given, layoutToJson(layout), () => layoutText(layout));
        return 0;
      }),
    );
}

/** What was given as options, over what a QEMU command line says. */
function layoutOptions(options: Options): LayoutOptions {
  const own = ownOptions(options);
  if (options.qemuArgs !== undefined) {
    if (options.machine !== undefined || options.memory !== undefined)
      throw new IoasisError(
        "ERR_USAGE",
        "--machine or --memory beside --qemu-args: the command line says both: leave one out",
      );
    return { ...layoutOptionsOfQemuArgs(splitCommandLine(options.qemuArgs)), ...own };
  }
  const { machine, memory } = options;
  if (machine === undefined || memory === undefined)
    throw new IoasisError("ERR_USAGE", "which guest? give --machine and --memory, or --qemu-args");
  return { machine, memoryBytes: sizeOf(memory, "--memory", "m"), ...own };
}

function ownOptions(options: Options): Partial<LayoutOptions> {
  const { slots, physBits, hostBridges, awBits, devices, firmwareSize } = options;
  const all: { [Key in keyof LayoutOptions]?: LayoutOptions[Key] | undefined } = {
    maxMemoryBytes: sizeOption(options.maxmem, "--maxmem", "m"),
    slots,
    cpuVendor: nameOption(options.cpuVendor, "--cpu-vendor", ["amd", "intel"]),
    physicalBits: physBits,
    maxRamBelow4gBytes: sizeOption(options.maxRamBelow4g, "--max-ram-below-4g"),
    pciHole64Bytes: sizeOption(options.pciHole64, "--pci-hole64"),
    firmwareBytes: firmwareSize === "flash" ? null : sizeOption(firmwareSize, "--firmware-size"),
    hasVga: options.vga ? undefined : false,
    msiController: nameOption(options.msi, "--msi", ["its", "gicv2m", "none"]),
    hostBridges,
    viommu: nameOption<ViommuKind>(options.viommu, "--viommu", ["intel", "amd", "virtio", "smmuv3"]),
    viommuBits: awBits,
    viommuGranuleBytes: sizeOption(options.granule, "--granule"),
    devices,
    barBytes: sizeOption(options.bars, "--bars"),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

function sizeOption(text: string | undefined, option: string, unit: "b" | "m" = "b"): bigint | undefined {
  return text === undefined ? undefined : sizeOf(text, option, unit);
}

function nameOption<Name extends string>(
  text: string | undefined,
  option: string,
  names: readonly Name[],
): Name | undefined {
  const found = names.find((name) => name === text);
  if (text === undefined || found !== undefined) return found;
  throw new IoasisError("ERR_USAGE", `${option} ${text}: one of ${names.join(", ")}`, { option });
}

export function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}
