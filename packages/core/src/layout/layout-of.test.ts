/** Each row names the function of QEMU that it restates. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import type { GuestLayout, LayoutOptions } from "./layout.ts";
import { layoutFromJson, layoutToJson } from "./layout-json.ts";
import { layoutOf } from "./layout-of.ts";
import { versionsOf } from "./machine-type.ts";
import { GIB, MIB, sizeOf, TIB } from "./size.ts";

const test = suite("layout");

const make = (machine: string, memory: string, more: Partial<LayoutOptions> = {}): GuestLayout =>
  layoutOf({ machine, memoryBytes: sizeOf(memory, "-m", "m"), ...more });
const hexOf = (value: bigint): string => value.toString(16);
/** `first-last` of every range called `name`. */
const where = ({ ranges }: GuestLayout, name: string): string =>
  ranges
    .filter((range) => range.name === name)
    .map(({ first, last }) => `${hexOf(first)}-${hexOf(last)}`)
    .join(" ");
const usage = (run: () => unknown, about: RegExp): void =>
  assert.throws(run, (error: unknown) => {
    assert.instance(error, IoasisError);
    assert.is((error as IoasisError).code, "ERR_USAGE");
    assert.match((error as IoasisError).message, about);
    return true;
  });

/** machine, -m, options, end of low RAM, RAM above 4 GiB; source. */
const SPLITS: readonly (readonly [string, string, Partial<LayoutOptions>, string, string, string])[] = [
  ["pc-9.2", "4G", {}, "bfffffff", "100000000-13fffffff", "pc_init1: 3072M low, 1024M high"],
  [
    "pc-9.2",
    "4G",
    { maxRamBelow4gBytes: 2n * GIB },
    "7fffffff",
    "100000000-17fffffff",
    "pc_init1: 2048M low, 2048M high",
  ],
  ["pc-9.2", "3968M", { maxRamBelow4gBytes: 4n * GIB }, "f7ffffff", "", "pc_init1: 3968M low"],
  ["pc-9.2", "3583M", {}, "dfefffff", "", "pc_init1: below 3.5 GiB nothing is split"],
  ["pc-9.2", "3584M", {}, "bfffffff", "100000000-11fffffff", "pc_init1: gigabyte_align"],
  ["pc-9.2", "7200M", {}, "bfffffff", "100000000-201ffffff", "pc_init1 (gvtd log of 7200 MiB)"],
  ["q35-9.2", "2815M", {}, "afefffff", "", "pc_q35_init: all of it below 0xb0000000"],
  ["q35-9.2", "2816M", {}, "7fffffff", "100000000-12fffffff", "pc_q35_init: 0xb0000000 and more is split at 2 GiB"],
  ["q35-9.2", "8G", { maxRamBelow4gBytes: GIB }, "3fffffff", "100000000-2bfffffff", "pc_q35_init: max-ram-below-4g"],
  [
    "q35-9.2",
    "4G",
    { maxRamBelow4gBytes: 3n * GIB },
    "7fffffff",
    "100000000-17fffffff",
    "pc_q35_init: the smaller limit holds",
  ],
];

for (const [machine, memory, options, low, high, source] of SPLITS)
  test(`${machine} -m ${memory} ${source}`, () => {
    const layout = make(machine, memory, options);
    assert.ok(where(layout, "ram-below-4g").endsWith(`100000-${low}`), where(layout, "ram-below-4g"));
    assert.is(where(layout, "ram-above-4g"), high);
  });

test("a limit of 4 GiB lets RAM reach among registers and firmware, which hide it (pc_memory_init)", () => {
  const layout = make("pc-9.2", "4095M", { maxRamBelow4gBytes: 4n * GIB, firmwareBytes: 2n * MIB });
  assert.is(
    where(layout, "ram-below-4g"),
    "0-9ffff 100000-febfffff fec01000-fecfffff fed00400-fedfffff fef00000-ffdfffff",
  );
});

test("the first MiB after reset, with and without VGA (pc_memory_init, x86_isa_bios_init)", () => {
  const low = (more: Partial<LayoutOptions>): string[] =>
    make("q35-9.2", "1G", more)
      .ranges.filter(({ first }) => first < MIB)
      .map(({ first, last, kind }) => `${kind} ${hexOf(first)}-${hexOf(last)}`);
  assert.equal(low({}), ["ram 0-9ffff", "rom c0000-dffff", "rom e0000-fffff"]);
  assert.equal(low({ hasVga: false }), ["ram 0-bffff", "rom c0000-dffff", "rom e0000-fffff"]);
  assert.equal(low({ firmwareBytes: null }), ["ram 0-9ffff", "rom c0000-dffff"]);
  assert.is(where(make("pc-9.2", "1G", { firmwareBytes: 4n * MIB }), "pc.bios"), "e0000-fffff ffc00000-ffffffff");
});

test("windows for devices (q35_host_initfn, i440fx_pcihost_realize, pc_pci_hole64_start)", () => {
  const q35 = make("q35-9.2", "8G");
  assert.is(where(q35, "pcie-ecam"), "b0000000-bfffffff");
  assert.is(where(q35, "pci-hole"), "c0000000-febfffff");
  assert.is(where(q35, "pci-hole64"), "280000000-a7fffffff");
  const pc = make("pc-9.2", "2G");
  assert.is(where(pc, "pci-hole"), "80000000-febfffff");
  assert.is(where(pc, "pci-hole64"), "100000000-17fffffff");
  assert.is(where(make("q35-9.2", "8G", { pciHole64Bytes: 64n * GIB }), "pci-hole64"), "280000000-127fffffff");
});

/** version, vendor, -m, where RAM above 4 GiB begins, whether HyperTransport is told; source. */
const AMD: readonly (readonly [string, "amd" | "intel" | undefined, string, string, boolean, string])[] = [
  ["7.1", "amd", "978G", "100000000", true, "pc_memory_init: the window ends at 0xfcffffffff"],
  ["7.1", "amd", "979G", "10000000000", true, "pc_max_used_gpa reaches AMD_HT_START"],
  ["7.1", "amd", "1T", "10000000000", true, "pc_memory_init"],
  ["7.0", "amd", "1T", "100000000", false, "enforce_amd_1tb_hole is false up to 7.0"],
  ["10.1", "amd", "1T", "10000000000", true, "10.1 is newer than 7.1"],
  ["7.1", "intel", "1T", "100000000", false, "IS_AMD_CPU"],
  ["7.1", undefined, "1T", "100000000", false, "IS_AMD_CPU, and a note that it was not told"],
];

for (const [version, cpuVendor, memory, first, isTold, source] of AMD)
  test(`q35-${version} -m ${memory} of ${cpuVendor ?? "no vendor"}: ${source}`, () => {
    const layout = make(`q35-${version}`, memory, cpuVendor === undefined ? {} : { cpuVendor });
    assert.ok(where(layout, "ram-above-4g").startsWith(`${first}-`), where(layout, "ram-above-4g"));
    assert.is(
      layout.reserved.some(({ name }) => name === "hypertransport"),
      isTold,
    );
    assert.is(
      layout.notes.some((note) => note.includes("--cpu-vendor")),
      cpuVendor === undefined,
    );
  });

test("the 1 TiB rule looks at device memory and window too, and pc's window is smaller (pc_max_used_gpa)", () => {
  const amd = { cpuVendor: "amd" } as const;
  const first = (machine: string, memory: string, more: Partial<LayoutOptions> = {}): string =>
    where(make(machine, memory, { ...amd, ...more }), "ram-above-4g").split("-")[0] as string;
  assert.is(first("pc-9.2", "1009G"), "100000000");
  assert.is(first("pc-9.2", "1010G"), "10000000000");
  assert.is(first("q35-9.2", "4G", { maxMemoryBytes: TIB }), "10000000000");
  assert.is(first("q35-9.2", "900G", { pciHole64Bytes: 128n * GIB }), "10000000000");
  assert.not(
    make("q35-9.2", "8G", { ...amd, physicalBits: 39 }).reserved.some(({ name }) => name === "hypertransport"),
  );
});

/** machine, -m, maxmem, slots, range; source. */
const DEVICE_MEMORY: readonly (readonly [string, string, bigint, number, string, string])[] = [
  ["q35-9.2", "2G", 8n * GIB, 4, "100000000-37fffffff", "pc_get_device_memory_range: 6 GiB and 4 x 1 GiB from 4 GiB"],
  ["q35-9.2", "5000M", 8n * GIB, 1, "1c0000000-2c77fffff", "pc_get_device_memory_range: the next whole GiB"],
  ["pc-9.2", "4G", 6n * GIB, 2, "140000000-23fffffff", "pc_get_device_memory_range"],
  ["q35-9.2", "2G", 4n * GIB, 0, "100000000-17fffffff", "machine_set_mem: maxmem without slots"],
  ["virt-9.2", "4G", 8n * GIB, 2, "140000000-2bfffffff", "virt_set_memmap"],
  ["pseries-9.2", "2560M", 4n * GIB, 4, "c0000000-11fffffff", "spapr_machine_init: no room for alignment"],
];

for (const [machine, memory, maxMemoryBytes, slots, range, source] of DEVICE_MEMORY)
  test(`${machine} -m ${memory} with maxmem: ${source}`, () => {
    assert.is(where(make(machine, memory, { maxMemoryBytes, slots }), "device-memory"), range);
  });

test("device memory pushes the 64-bit window, but not up to 2.4 (broken_reserved_end)", () => {
  const options = { maxMemoryBytes: 8n * GIB, slots: 4 };
  assert.ok(where(make("q35-2.5", "2G", options), "pci-hole64").startsWith("380000000-"));
  assert.ok(where(make("q35-2.4", "2G", options), "pci-hole64").startsWith("100000000-"));
});

/** options, high region; source. */
const HIGH: readonly (readonly [string, string, Partial<LayoutOptions>, string, string])[] = [
  [
    "virt-9.2",
    "4G",
    {},
    "4000000000-4003ffffff 4010000000-401fffffff 8000000000-ffffffffff",
    "virt_set_memmap: from 256 GiB",
  ],
  [
    "virt-9.2",
    "300G",
    {},
    "4b40000000-4b43ffffff 4b50000000-4b5fffffff 8000000000-ffffffffff",
    "virt_set_memmap: after memory",
  ],
  [
    "virt-9.2",
    "4G",
    { highmemRedists: false },
    "4000000000-400fffffff 8000000000-ffffffffff",
    "virt_set_high_memmap: compact",
  ],
  [
    "virt-7.1",
    "4G",
    { highmemRedists: false },
    "4010000000-401fffffff 8000000000-ffffffffff",
    "no_highmem_compact up to 7.1",
  ],
  [
    "virt-9.2",
    "4G",
    { physicalBits: 39 },
    "4000000000-4003ffffff 4010000000-401fffffff",
    "virt_set_high_memmap: what does not fit",
  ],
  ["virt-2.12", "4G", {}, "4000000000-4003ffffff 8000000000-ffffffffff", "no_highmem_ecam up to 2.12"],
  ["virt-9.2", "2G", { highmem: false }, "", "virt_set_memmap: highmem=off is 32 bits"],
  [
    "virt-9.2",
    "4G",
    { highmemMmioBytes: TIB },
    "4000000000-4003ffffff 4010000000-401fffffff 10000000000-1ffffffffff",
    "virt_set_highmem_mmio_size",
  ],
];

for (const [machine, memory, options, high, source] of HIGH)
  test(`${machine} -m ${memory}: ${source}`, () => {
    const layout = make(machine, memory, options);
    assert.is(
      ["gic-redist2", "pcie-ecam", "pcie-mmio-high"]
        .map((name) => where(layout, name))
        .filter(Boolean)
        .join(" "),
      high,
    );
    assert.ok(where(layout, "ram").startsWith("40000000-"));
  });

test("who takes MSIs on virt (virt_machine_device_pre_plug_cb)", () => {
  const doorbell = (msiController?: "its" | "gicv2m" | "none"): string[] =>
    make("virt-9.2", "2G", msiController === undefined ? {} : { msiController }).reserved.map(
      ({ first, last, type }) => `${type} ${hexOf(first)}-${hexOf(last)}`,
    );
  assert.equal(doorbell("its"), ["msi 8090000-809ffff"]);
  assert.equal(doorbell("gicv2m"), ["msi 8020000-8020fff"]);
  assert.equal(doorbell("none"), []);
  assert.equal(doorbell(), []);
});

test("pseries: host bridges and DMA windows (spapr_phb_placement, spapr_phb_properties)", () => {
  const layout = make("pseries-9.2", "2G", { hostBridges: 2 });
  assert.is(where(layout, "phb1-pio"), "200000010000-20000001ffff");
  assert.is(where(layout, "phb1-mmio32"), "200100000000-20017fffffff");
  assert.is(where(layout, "phb1-mmio64"), "220000000000-22ffffffffff");
  assert.is(where(layout, "dma-window-32"), "0-3fffffff");
  assert.is(where(layout, "dma-window-64"), "800000000000000-80000007fffffff");
  assert.is(where(make("pseries-9.2", "3G"), "dma-window-64"), "800000000000000-8000000ffffffff");
});

test("riscv-virt: the high window is aligned to its size after RAM (virt_machine_init)", () => {
  assert.is(where(make("riscv-virt", "2G"), "ram"), "80000000-ffffffff");
  assert.is(where(make("riscv-virt", "2G"), "pcie-mmio-high"), "400000000-7ffffffff");
  assert.is(where(make("riscv-virt", "15G"), "pcie-mmio-high"), "800000000-bffffffff");
});

/** machine, vIOMMU, width, granule; source. */
const VIOMMUS: readonly (readonly [
  string,
  "intel" | "virtio" | "smmuv3" | "amd",
  number | null,
  bigint | null,
  string,
])[] = [
  ["q35-9.1", "intel", 39, 0x1000n, "pc_compat_9_1"],
  ["q35-9.2", "intel", 48, 0x1000n, "VTD_HOST_ADDRESS_WIDTH"],
  ["q35-10.2", "intel", 48, 0x1000n, "VTD_HOST_ADDRESS_WIDTH"],
  ["q35-8.2", "virtio", 64, 0x1000n, "hw_compat_8_2"],
  ["q35-9.0", "virtio", 39, null, "pc_q35_compat_defaults"],
  ["pc-9.0", "virtio", 64, null, "virtio_iommu_properties"],
  ["virt-8.2", "virtio", 64, 0x1000n, "hw_compat_8_2"],
  ["virt-9.0", "virtio", 64, null, "virtio_iommu_properties"],
  ["virt-9.0", "smmuv3", null, null, "decode_cd: the guest's TSZ"],
  ["q35-9.2", "amd", null, 0x1000n, "amdvi: no width property"],
];

for (const [machine, viommu, addressBits, granuleBytes, source] of VIOMMUS)
  test(`${machine} with ${viommu}: ${source}`, () => {
    assert.equal(make(machine, "2G", { viommu }).viommu, { kind: viommu, addressBits, granuleBytes });
  });

test("QEMU's own names of machine types", () => {
  assert.is(make("pc-q35-7.1", "1G").machine, "q35");
  assert.is(make("pc-i440fx-9.2", "1G").machine, "pc");
  assert.is(make("pc-q35-4.0.1", "1G").version, "4.0.1");
  assert.ok(versionsOf("q35").includes("10.2"));
  assert.not(versionsOf("virt").includes("2.5"));
});

test("a name without a version is the newest type, and says so where that matters", () => {
  const plain = make("q35", "8G");
  assert.is(plain.version, versionsOf("q35").at(-1));
  assert.equal(plain.notes, []);
  const wide = make("q35", "8G", { viommu: "intel" });
  assert.ok(wide.notes.some((note) => note.includes("up to q35-9.1")));
  assert.is(make("riscv-virt", "1G").version, null);
});

test("what no machine starts with is refused, with what to do", () => {
  usage(() => make("q35-9.9", "1G"), /no version "9.9": it has 2\.4/);
  usage(() => make("q35-latest", "1G"), /no version/);
  usage(() => make("pc-i440fx-jammy", "1G"), /no version/);
  usage(() => make("microvm", "1G"), /not one of q35, pc, virt/);
  usage(() => make("riscv-virt-9.0", "1G"), /no versions/);
  usage(() => make("q35", "0"), /how much/);
  usage(() => make("q35", "512K"), /first MiB/);
  usage(() => make("q35", "200P"), /more than/);
  usage(() => make("q35", "8G", { maxMemoryBytes: 4n * GIB }), /less than the memory/);
  usage(() => make("q35", "8G", { slots: 4 }), /give a maxmem above 8 GiB/);
  usage(() => make("q35", "8G", { slots: 300, maxMemoryBytes: 16n * GIB }), /0 to 256/);
  usage(() => make("q35", "8G", { maxRamBelow4gBytes: 5n * GIB }), /1 MiB to 4 GiB/);
  usage(() => make("q35", "1T", { physicalBits: 40 }), /beyond the 40 address bits/);
  usage(() => make("virt-9.2", "4G", { highmem: false }), /beyond the 32 address bits/);
  usage(() => make("virt-9.2", "4G", { highmemMmioBytes: GIB }), /power of two/);
  usage(() => make("pseries-9.2", "1000M"), /multiple of 256 MiB/);
  usage(() => make("pseries-9.2", "1G", { hostBridges: 40 }), /1 to 31/);
  usage(() => make("virt-9.2", "1G", { cpuVendor: "amd" }), /no option cpu-vendor/);
  usage(() => make("pc-9.2", "1G", { viommu: "intel" }), /pc does not take it/);
  usage(() => make("q35", "1G", { viommu: "intel", viommuBits: 57 }), /39 or 48/);
  usage(() => make("q35", "1G", { viommuBits: 48 }), /without a vIOMMU/);
  usage(() => make("q35", "1G", { firmwareBytes: 1000n }), /multiple of 64 KiB/);
  usage(() => make("q35", "1G", { physicalBits: 70 }), /32 to 64/);
});

test("sizes are read as QEMU reads them (qemu_strtosz)", () => {
  assert.is(sizeOf("4096", "-m", "m"), 4n * GIB);
  assert.is(sizeOf("4096", "x"), 4096n);
  assert.is(sizeOf("1.5G", "x"), (3n * GIB) / 2n);
  assert.is(sizeOf("4194304k", "-m", "m"), 4n * GIB);
  assert.is(sizeOf("0x10000000", "x"), 0x1000_0000n);
  assert.is(sizeOf("8GiB", "x"), 8n * GIB);
  for (const text of ["", "G", "-1G", "1X", "1e3", "17E", "0x1G", "4 G"]) usage(() => sizeOf(text, "x"), /not a size/);
});

test("a layout survives JSON", () => {
  const layout = make("q35-9.2", "8G", {
    viommu: "virtio",
    devices: 2,
    barBytes: 16n * MIB,
    maxMemoryBytes: 16n * GIB,
    slots: 2,
  });
  assert.equal(layoutFromJson(JSON.parse(JSON.stringify(layoutToJson(layout)))), layout);
  for (const machine of ["pc-4.2", "virt-9.2", "pseries-8.2", "riscv-virt"])
    assert.equal(layoutFromJson(layoutToJson(make(machine, "2G"))), make(machine, "2G"));
});

test("a layout that contradicts itself is refused", () => {
  const json = layoutToJson(make("q35-9.2", "8G"));
  const ram = { kind: "ram", name: "a" };
  const refused = (change: object, about: RegExp): void =>
    assert.throws(
      () => layoutFromJson({ ...json, ...change }),
      (error: unknown) => error instanceof IoasisError && error.code === "ERR_INPUT" && about.test(error.message),
    );
  refused(
    {
      ranges: [
        { ...ram, iova: "0x0", last: "0xfff" },
        { ...ram, iova: "0x800", last: "0x1fff" },
      ],
    },
    /overlap at 0x800/,
  );
  refused({ ranges: [{ ...ram, iova: "0x1000", last: "0xfff" }] }, /ends before it begins/);
  refused({ ranges: [{ ...ram, iova: 4096, last: "0xfff" }] }, /ranges\[0\]/);
  refused({ ranges: [{ iova: "0x0", last: "0xfff", kind: "disk", name: "" }] }, /ranges\[0\].kind/);
  refused({ ranges: undefined }, /"ranges" is not a list/);
  refused({ machine: "vax" }, /"machine"/);
  assert.throws(() => layoutFromJson([]), /not a layout/);
});

test.run();
