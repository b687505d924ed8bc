import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { splitCommandLine } from "./command-line.ts";
import type { LayoutOptions } from "./layout.ts";
import { layoutOfQemuArgs, layoutOptionsOfQemuArgs } from "./qemu-args.ts";
import { GIB, KIB, MIB } from "./size.ts";

const test = suite("QEMU command lines");

const optionsOf = (text: string): LayoutOptions => layoutOptionsOfQemuArgs(splitCommandLine(text));
const usage = (run: () => unknown, about: RegExp): void =>
  assert.throws(
    run,
    (error: unknown) => error instanceof IoasisError && error.code === "ERR_USAGE" && about.test(error.message),
  );

test("a command line as libvirt logs it", () => {
  const options = optionsOf(`LC_ALL=C \\
PATH=/usr/bin \\
HOME=/var/lib/libvirt/qemu/domain-1-vm \\
/usr/bin/qemu-system-x86_64 \\
-name guest=vm,debug-threads=on \\
-blockdev '{"driver":"file","filename":"/usr/share/OVMF/OVMF_CODE.fd","node-name":"pf0"}' \\
-machine pc-q35-8.2,usb=off,pflash0=pf0,memory-backend=pc.ram,hpet=off \\
-accel kvm \\
-cpu host,migratable=on,phys-bits=46 \\
-m size=4194304k,slots=16,maxmem=16777216k \\
-object '{"qom-type":"memory-backend-memfd","id":"pc.ram","size":4294967296}' \\
-nodefaults \\
-device '{"driver":"intel-iommu","id":"iommu0","aw-bits":48,"caching-mode":true}' \\
-global q35-pcihost.pci-hole64-size=64G \\
-device '{"driver":"vfio-pci","host":"0000:3b:00.0","id":"hostdev0"}' \\
-device '{"driver":"vfio-pci","host":"0000:3b:00.1","id":"hostdev1"}' \\
-msg timestamp=on`);
  assert.equal(options, {
    machine: "pc-q35-8.2",
    memoryBytes: 4n * GIB,
    maxMemoryBytes: 16n * GIB,
    slots: 16,
    pciHole64Bytes: 64n * GIB,
    firmwareBytes: null,
    hasVga: false,
    physicalBits: 46,
    viommu: "intel",
    viommuBits: 48,
    devices: 2,
  });
});

/** What the words mean; source. */
const ROWS: readonly (readonly [string, Partial<LayoutOptions>, string])[] = [
  ["qemu-system-x86_64 -m 4G", { machine: "pc", memoryBytes: 4n * GIB }, "MachineClass::is_default"],
  ["qemu-system-x86_64", { memoryBytes: 128n * MIB }, "machine_class_init: default_ram_size"],
  ["qemu-system-x86_64 -M q35 -m 4096", { machine: "q35", memoryBytes: 4n * GIB }, "-m counts MiB"],
  [
    "qemu-system-x86_64 -machine q35 -M accel=tcg,max-ram-below-4g=2G",
    { machine: "q35", maxRamBelow4gBytes: 2n * GIB },
    "-machine merges",
  ],
  [
    "qemu-system-x86_64 -machine type=q35,memory-backend=m -object memory-backend-ram,id=m,size=6G",
    { memoryBytes: 6n * GIB },
    "qemu_resolve_machine_memdev",
  ],
  ["qemu-system-x86_64 -m 1G -m 2G", { memoryBytes: 2n * GIB }, "the last word wins"],
  [
    "qemu-system-ppc64 -m 2G -device spapr-pci-host-bridge,index=1 -device spapr-pci-host-bridge,index=2",
    { machine: "pseries", hostBridges: 3 },
    "spapr_create_default_phb",
  ],
  [
    "qemu-system-aarch64 -M virt,gic-version=3,highmem-mmio=off -m 2G",
    { machine: "virt", msiController: "its", highmemMmio: false },
    "create_gic",
  ],
  ["qemu-system-aarch64 -M virt,gic-version=3,its=off -m 2G", { msiController: "none" }, "create_gic"],
  [
    "qemu-system-aarch64 -M virt-9.0,gic-version=2,iommu=smmuv3 -m 2G",
    { machine: "virt-9.0", msiController: "gicv2m", viommu: "smmuv3" },
    "create_smmu",
  ],
  ["qemu-system-riscv64 -M virt -m 2G", { machine: "riscv-virt" }, "TYPE_RISCV_VIRT_MACHINE"],
  [
    "qemu-system-x86_64 -M q35 -device virtio-iommu-pci,granule=64k -global virtio-iommu-pci.aw-bits=48",
    { viommu: "virtio", viommuBits: 48, viommuGranuleBytes: 64n * KIB },
    "virtio_iommu_properties",
  ],
  ["qemu-system-x86_64 -vga none", { hasVga: false }, "select_vgahw"],
  ["qemu-system-x86_64 -nodefaults", { hasVga: false }, "qemu_disable_default_devices"],
  ["qemu-system-x86_64 -nodefaults -vga std", { hasVga: true }, "select_vgahw"],
  ["qemu-system-x86_64 -nodefaults -device virtio-vga", { hasVga: true }, "default_list"],
  ["qemu-system-x86_64 -nographic", { hasVga: true }, "-nographic keeps the adapter"],
  ["qemu-system-x86_64 -bios OVMF.fd", { firmwareBytes: null }, "x86_bios_rom_init: its size is not told"],
  ["qemu-system-x86_64 -bios /usr/share/seabios/bios-256k.bin", { firmwareBytes: 256n * KIB }, "x86_bios_rom_init"],
  ["qemu-system-x86_64 -drive if=pflash,format=raw,file=x.fd", { firmwareBytes: null }, "pc_system_flash_map"],
  ["qemu-system-x86_64 -cpu EPYC", { cpuVendor: "amd" }, "x86_cpu_def"],
  ["qemu-system-x86_64 -cpu Skylake-Server", { cpuVendor: "intel" }, "x86_cpu_def"],
  ["qemu-system-x86_64 -m 1G", { cpuVendor: "amd" }, "qemu64 is AMD's under TCG"],
  ["qemu-system-x86_64 -enable-kvm -cpu EPYC,vendor=GenuineIntel", { cpuVendor: "intel" }, "vendor is given"],
  [
    "qemu-system-x86_64 -global i440FX-pcihost.pci-hole64-size=4G",
    { pciHole64Bytes: 4n * GIB },
    "PCI_HOST_PROP_PCI_HOLE64_SIZE",
  ],
  [
    "qemu-system-x86_64 -global driver=i440FX-pcihost,property=pci-hole64-size,value=4G",
    { pciHole64Bytes: 4n * GIB },
    "-global by names",
  ],
  ["qemu-system-x86_64 -name a,,b,process=x -m 1G", { memoryBytes: GIB }, "other options are passed over"],
];

for (const [text, expected, source] of ROWS)
  test(`${text}: ${source}`, () => {
    const options = optionsOf(text);
    for (const [key, value] of Object.entries(expected)) assert.equal(options[key as keyof LayoutOptions], value, key);
  });

test("under KVM the vendor is the host's, whatever the model: not told", () => {
  assert.is(optionsOf("qemu-system-x86_64 -enable-kvm -cpu EPYC").cpuVendor, undefined);
  assert.is(optionsOf("qemu-system-x86_64 -M q35,accel=kvm:tcg").cpuVendor, undefined);
  assert.is(optionsOf("-M q35 -m 1G").cpuVendor, undefined);
  assert.is(layoutOfQemuArgs(["-M", "q35-9.2", "-m", "1T"], { cpuVendor: "amd" }).ranges.at(-2)?.first, 1n << 40n);
});

test("what a command line leaves open is refused, with what to do", () => {
  usage(() => optionsOf("-m 4G"), /names no machine and does not begin with qemu-system/);
  usage(() => optionsOf("qemu-system-aarch64 -m 4G"), /add -machine/);
  usage(() => optionsOf("-M virt -m 4G"), /one of Arm and one of RISC-V/);
  usage(() => optionsOf("qemu-system-ppc64"), /add -m/);
  usage(() => optionsOf("qemu-system-x86_64 -M microvm"), /machine "microvm"/);
  usage(() => optionsOf("qemu-system-x86_64 -M pc-q35-rhel9.2.0"), /no version "rhel9.2.0"/);
  usage(() => optionsOf("qemu-system-x86_64 -M q35,cxl=on"), /cxl/);
  usage(() => optionsOf("qemu-system-x86_64 -readconfig vm.cfg"), /write them out/);
  usage(() => optionsOf("qemu-system-x86_64 -m"), /its value is missing/);
  usage(() => optionsOf("qemu-system-x86_64 -m 4Q"), /not a size/);
  usage(() => optionsOf("qemu-system-x86_64 -device '{\"driver\":'"), /not JSON/);
  usage(() => optionsOf("qemu-system-x86_64 -name 'vm"), /does not end/);
  usage(() => optionsOf("qemu-system-riscv64 -M virt -device riscv-iommu-pci"), /not modelled/);
});

test("words are split as a shell splits them", () => {
  assert.equal(splitCommandLine(`a  'b c' "d \\"e\\"" f\\ g h"i"'j' \\\n  k ''`), [
    "a",
    "b c",
    'd "e"',
    "f g",
    "hij",
    "k",
    "",
  ]);
  assert.equal(splitCommandLine(" \n"), []);
});

test.run();
