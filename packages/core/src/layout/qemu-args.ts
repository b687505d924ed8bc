/** A whole QEMU command line to a layout: the options that decide where memory goes, of all that there are. */
import { IoasisError } from "../failure.ts";
import { type OptionValue, switchOf } from "./command-line.ts";
import type { GuestLayout, LayoutOptions, ViommuKind } from "./layout.ts";
import { layoutOf } from "./layout-of.ts";
import { MACHINE_NAMES, type MachineName, machineType } from "./machine-type.ts";
import { cpuVendorOf, physicalBitsOf } from "./qemu-cpu.ts";
import { firmwareOf, hasVga } from "./qemu-display.ts";
import { type QemuOptions, readOptions } from "./qemu-options.ts";
import { KIB, MIB, sizeOf } from "./size.ts";

/** machine_class_init: the memory of a machine that is not told how much (pseries has another). */
const DEFAULT_MEMORY_BYTES = 128n * MIB;

/** Options that move memory in ways that no layout here knows. */
const NOT_MODELLED = ["cxl", "sgx-epc.0.memdev"];

const VIOMMU_DEVICES: Readonly<Record<string, ViommuKind>> = {
  "intel-iommu": "intel",
  "amd-iommu": "amd",
  "virtio-iommu": "virtio",
  "virtio-iommu-pci": "virtio",
  "arm-smmuv3": "smmuv3",
};

/**
 * @param args the words of the command line, with the program's name or without
 * @param told what the command line leaves to the host (the vendor of the vCPU) and the caller knows
 * @throws IoasisError ERR_USAGE for a command line that names no machine known here
 */
export function layoutOfQemuArgs(args: readonly string[], told: Partial<LayoutOptions> = {}): GuestLayout {
  return layoutOf({ ...layoutOptionsOfQemuArgs(args), ...told });
}

export function layoutOptionsOfQemuArgs(args: readonly string[]): LayoutOptions {
  const qemu = readOptions(args);
  const machine = machineName(qemu);
  const family = machineType(machine).machine;
  checkModelled(qemu);
  return {
    machine,
    ...memory(qemu, family),
    ...(family === "q35" || family === "pc" ? pcOptions(qemu, family) : {}),
    ...(family === "virt" ? virtOptions(qemu) : {}),
    ...(family === "pseries" ? { hostBridges: 1 + countOf(qemu, /^spapr-pci-host-bridge$/) } : {}),
    ...given("physicalBits", physicalBitsOf(qemu)),
    ...viommu(qemu),
    devices: countOf(qemu, /^vfio-pci(-nohotplug)?$/),
  };
}

/** The machine, by its own name or by the program that was started. */
function machineName({ architecture, machine }: QemuOptions): string {
  const type = machine.get("type");
  if (type === undefined) {
    // MachineClass::is_default.
    if (architecture === "x86_64" || architecture === "i386") return "pc";
    if (architecture === "ppc64") return "pseries";
    throw new IoasisError(
      "ERR_USAGE",
      `the command line names no machine${architecture === null ? " and does not begin with qemu-system-..." : ""}: add -machine (${MACHINE_NAMES.join(", ")})`,
    );
  }
  if (type !== "virt") return type;
  if (architecture === "riscv64") return "riscv-virt";
  if (architecture === "aarch64" || architecture === "arm") return "virt";
  throw new IoasisError("ERR_USAGE", "-machine virt is one of Arm and one of RISC-V: begin with the program's name");
}

function checkModelled({ machine, drivers }: QemuOptions): void {
  const option = NOT_MODELLED.find((key) => machine.get(key) !== undefined && machine.get(key) !== "off");
  if (option !== undefined)
    throw new IoasisError("ERR_USAGE", `-machine ${option}: it moves memory, and how is not modelled: leave it out`);
  const iommu = drivers.find((driver) => /^riscv-iommu|^pxb-cxl$/.test(driver.get("driver") ?? ""));
  if (iommu !== undefined)
    throw new IoasisError("ERR_USAGE", `-device ${iommu.get("driver")}: not modelled: leave it out`);
}

function memory(
  { memory, machine, objects }: QemuOptions,
  family: MachineName,
): Pick<LayoutOptions, "memoryBytes" | "maxMemoryBytes" | "slots"> {
  const size = memory.get("size");
  const max = memory.get("maxmem");
  const slots = memory.get("slots");
  return {
    memoryBytes: size === undefined ? memoryWithoutSize(machine, objects, family) : sizeOf(size, "-m", "m"),
    ...given("maxMemoryBytes", max === undefined ? undefined : sizeOf(max, "-m maxmem", "m")),
    ...given("slots", slots === undefined ? undefined : Number(slots)),
  };
}

/** qemu_resolve_machine_memdev: the size of the memory backend, else the machine's default. */
function memoryWithoutSize(machine: OptionValue, objects: readonly OptionValue[], family: MachineName): bigint {
  const backend = machine.get("memory-backend");
  const size = backend === undefined ? undefined : objects.find((one) => one.get("id") === backend)?.get("size");
  if (size !== undefined) return sizeOf(size, "-object size");
  if (backend === undefined && family !== "pseries") return DEFAULT_MEMORY_BYTES;
  throw new IoasisError("ERR_USAGE", "the command line does not say how much memory: add -m");
}

function pcOptions(qemu: QemuOptions, family: "q35" | "pc"): Partial<LayoutOptions> {
  const limit = qemu.machine.get("max-ram-below-4g");
  const hole = qemu.globals.get(`${family === "q35" ? "q35-pcihost" : "i440fx-pcihost"}.pci-hole64-size`);
  const firmwareBytes = firmwareOf(qemu);
  return {
    ...given("maxRamBelow4gBytes", limit === undefined ? undefined : sizeOf(limit, "max-ram-below-4g")),
    ...given("pciHole64Bytes", hole === undefined ? undefined : sizeOf(hole, "pci-hole64-size")),
    ...given("cpuVendor", cpuVendorOf(qemu)),
    ...(firmwareBytes === undefined ? {} : { firmwareBytes }),
    hasVga: hasVga(qemu),
  };
}

function virtOptions({ machine }: QemuOptions): Partial<LayoutOptions> {
  const mmio = machine.get("highmem-mmio-size");
  return {
    ...given("highmem", switchOf(machine.get("highmem"))),
    ...given("highmemRedists", switchOf(machine.get("highmem-redists"))),
    ...given("highmemEcam", switchOf(machine.get("highmem-ecam"))),
    ...given("highmemMmio", switchOf(machine.get("highmem-mmio"))),
    ...given("compactHighmem", switchOf(machine.get("compact-highmem"))),
    ...given("highmemMmioBytes", mmio === undefined ? undefined : sizeOf(mmio, "highmem-mmio-size")),
    ...given("msiController", msiController(machine)),
  };
}

/** create_gic (virt.c): GICv2 has a v2m frame, GICv3 an ITS unless it is off. */
function msiController(machine: OptionValue): LayoutOptions["msiController"] {
  const version = machine.get("gic-version");
  if (version === "2") return "gicv2m";
  if (version !== "3" && version !== "4") return undefined;
  return switchOf(machine.get("its")) === false ? "none" : "its";
}

function viommu({ machine, drivers, globals }: QemuOptions): Partial<LayoutOptions> {
  const device = drivers.find((one) => VIOMMU_DEVICES[one.get("driver") ?? ""] !== undefined);
  const driver = device?.get("driver") ?? "";
  const kind = VIOMMU_DEVICES[driver] ?? (machine.get("iommu") === "smmuv3" ? "smmuv3" : undefined);
  if (kind === undefined) return {};
  const bits = device?.get("aw-bits") ?? globals.get(`${driver}.aw-bits`);
  const granule = device?.get("granule") ?? globals.get(`${driver}.granule`);
  return {
    viommu: kind,
    ...given("viommuBits", bits === undefined ? undefined : Number(bits)),
    ...given("viommuGranuleBytes", granule === undefined || granule === "host" ? undefined : granuleBytes(granule)),
  };
}

/** GranuleMode (qapi/virtio.json). */
function granuleBytes(text: string): bigint {
  const match = /^(4|8|16|64)k$/i.exec(text);
  if (match !== null) return BigInt(match[1] as string) * KIB;
  throw new IoasisError("ERR_USAGE", `virtio-iommu granule "${text}": 4k, 8k, 16k, 64k or host`);
}

function countOf({ drivers }: QemuOptions, pattern: RegExp): number {
  return drivers.filter((one) => pattern.test(one.get("driver") ?? "")).length;
}

function given<Key extends keyof LayoutOptions>(
  key: Key,
  value: LayoutOptions[Key] | undefined,
): Partial<LayoutOptions> {
  return value === undefined ? {} : { [key]: value };
}
