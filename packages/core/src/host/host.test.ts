import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { hostsFromJson, hostToJson } from "./host-json.ts";
import { type HostProfile, overlapNotes } from "./host-profile.ts";
import { intelTraits } from "./iommu-registers.ts";
import { parseReservedRegions } from "./reserved-regions.ts";
import { hostOfSysfs } from "./sysfs-host.ts";

const test = suite("hosts");
const FOLDER = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/layout");
const read = (name: string): string => readFileSync(path.join(FOLDER, name), "latin1");
const input = (run: () => unknown, about: RegExp): void =>
  assert.throws(
    run,
    (error: unknown) => error instanceof IoasisError && error.code === "ERR_INPUT" && about.test(error.message),
  );

/** The recorder's listing of /sys/kernel/iommu_groups, as the files that it was made from. */
function filesOf(listing: string): Map<string, string> {
  const files = new Map<string, string>();
  let group = "";
  for (const line of listing.split("\n")) {
    const [, number, devices] = /^group (\d+) type=\S+ devs=(.*)$/.exec(line) ?? [];
    if (number !== undefined) {
      group = number;
      for (const bdf of (devices ?? "").trim().split(" ")) files.set(`kernel/iommu_groups/${group}/devices/${bdf}`, "");
      files.set(`kernel/iommu_groups/${group}/reserved_regions`, "");
    } else if (line.startsWith("0x")) {
      const file = `kernel/iommu_groups/${group}/reserved_regions`;
      files.set(file, `${files.get(file)}${line}\n`);
    }
  }
  return files;
}

/** CAP_REG and ECAP_REG as the recordings' kernels print them ("DMAR: dmar0: ... cap ... ecap"). */
const REGISTERS = { intel48: ["d2008c222f0686", "f00f4a"], intel39: ["d2008c22260286", "f00f4a"] } as const;

for (const [name, last] of [
  ["intel48", 0xffff_ffff_ffffn],
  ["intel39", 0x7f_ffff_ffffn],
] as const)
  test(`${name}: the width that sysfs tells is the one that IOVA_RANGES showed`, () => {
    const files = filesOf(read(`iommu-groups-${name}.txt`));
    files.set("class/iommu/dmar0", "");
    files.set("class/iommu/dmar0/intel-iommu/cap", `${REGISTERS[name][0]}\n`);
    files.set("class/iommu/dmar0/intel-iommu/ecap", `${REGISTERS[name][1]}\n`);
    const { devices, limits, unknown } = hostOfSysfs(name, files);
    assert.is(devices.length, 7);
    const edu = devices.find(({ bdf }) => bdf === "0000:00:05.0");
    assert.equal(edu, {
      bdf: "0000:00:05.0",
      group: 2,
      reserved: [{ first: 0xfee0_0000n as Iova, last: 0xfeef_ffffn as Iova, type: "msi" }],
      aperture: { first: 0n as Iova, last: last as Iova },
      pageSizes: 0x4020_1000n,
      pasidBits: 0,
      dirtyTracking: false,
    });
    assert.equal(limits, { memlockBytes: null, mappingsMax: null });
    assert.is(unknown.length, 2);
    const bridge = devices.find(({ bdf }) => bdf === "0000:00:1f.0");
    assert.equal(
      bridge?.reserved?.map(({ type }) => type),
      ["direct-relaxable", "msi"],
    );
  });

test("what /sys does not tell is null, and said", () => {
  for (const name of ["amd", "viommu"]) {
    const files = filesOf(read(`iommu-groups-${name}.txt`));
    files.set("module/vfio_iommu_type1/parameters/dma_entry_limit", "65535\n");
    const { devices, limits, unknown } = hostOfSysfs(name, files);
    assert.ok(
      devices.every(
        ({ aperture, pageSizes, pasidBits, dirtyTracking }) =>
          aperture === null && pageSizes === null && pasidBits === null && dirtyTracking === null,
      ),
    );
    assert.is(limits.mappingsMax, 65535);
    assert.ok(unknown.some((line) => line.startsWith("aperture of every device")));
    assert.ok(unknown.some((line) => line.startsWith("limits.memlockBytes")));
  }
});

test("registers that leave a choice to the kernel tell no width (intel/iommu.h)", () => {
  const cap = 0xd2008c222f0686n;
  const scalable = 1n << 43n;
  assert.is(intelTraits(cap, scalable | (1n << 47n)).aperture, null);
  assert.is(intelTraits(cap, scalable).aperture?.last, 0xffff_ffff_ffffn);
  assert.is(intelTraits(cap, scalable | (1n << 40n)).pasidBits, null);
  assert.is(intelTraits(cap, scalable | (1n << 45n)).dirtyTracking, null);
  assert.is(intelTraits(cap, 1n << 45n).dirtyTracking, false);
  assert.is(intelTraits(0n, 0n).aperture, null);
});

test("AMD's feature register tells dirty tracking and whether there are PASIDs", () => {
  const files = filesOf(read("iommu-groups-amd.txt"));
  const device = (features: string): { pasidBits: number | null; dirtyTracking: boolean | null } | undefined => {
    files.set("class/iommu/ivhd0/amd-iommu/features", features);
    const found = hostOfSysfs("amd", files).devices[0];
    return found === undefined ? undefined : { pasidBits: found.pasidBits, dirtyTracking: found.dirtyTracking };
  };
  assert.equal(device("10000000000010:0\n"), { pasidBits: null, dirtyTracking: true });
  assert.equal(device("0\n"), { pasidBits: 0, dirtyTracking: false });
});

test("with several IOMMUs a device has the one that it is linked to, or none that is known", () => {
  const files = filesOf(read("iommu-groups-intel48.txt"));
  files.set("class/iommu/dmar0/intel-iommu/cap", REGISTERS.intel48[0]);
  files.set("class/iommu/dmar0/intel-iommu/ecap", "f00f4a");
  files.set("class/iommu/dmar1/intel-iommu/cap", REGISTERS.intel39[0]);
  files.set("class/iommu/dmar1/intel-iommu/ecap", "f00f4a");
  files.set("bus/pci/devices/0000:00:05.0/iommu", "../../virtual/iommu/dmar1");
  files.set("class/iommu/dmar0/devices/0000:00:06.0", "");
  const last = (bdf: string): bigint | null | undefined =>
    hostOfSysfs("h", files).devices.find((one) => one.bdf === bdf)?.aperture?.last;
  assert.is(last("0000:00:05.0"), 0x7f_ffff_ffffn);
  assert.is(last("0000:00:06.0"), 0xffff_ffff_ffffn);
  assert.is(last("0000:00:00.0"), undefined);
});

test("reserved_regions of real machines", () => {
  const regions = parseReservedRegions(read("sysfs-reserved_regions.txt"), "sysfs-reserved_regions.txt");
  assert.is(regions.length, 10);
  assert.equal(regions[0], { first: 0n as Iova, last: 0xff_ffffn as Iova, type: "direct" });
  assert.equal(regions[4], { first: 0xfd_0000_0000n as Iova, last: 0xff_ffff_ffffn as Iova, type: "reserved" });
});

test("what no kernel prints is refused with its line", () => {
  input(() => parseReservedRegions("0x0 0xfff msi\n0x2000 0x1000 msi\n", "f"), /f: line 2/);
  input(() => parseReservedRegions("0x0 0xfff magic\n", "f"), /line 1.*direct, direct-relaxable/);
  input(() => parseReservedRegions("0 4095 msi\n", "f"), /line 1/);
  input(
    () => hostOfSysfs("h", new Map([["kernel/iommu_groups/0/type", "DMA"]])),
    /no device is behind an IOMMU.*intel_iommu=on/,
  );
  const files = filesOf(read("iommu-groups-intel48.txt"));
  files.set("class/iommu/dmar0/intel-iommu/cap", "what");
  files.set("class/iommu/dmar0/intel-iommu/ecap", "f00f4a");
  input(() => hostOfSysfs("h", files), /intel-iommu\/cap.*not a register/);
});

test("a profile survives JSON; one by hand may leave out what is not known", () => {
  const profile = hostOfSysfs("h", filesOf(read("iommu-groups-amd.txt")));
  assert.equal(hostsFromJson(JSON.parse(JSON.stringify(hostToJson(profile)))), [profile]);
  const [short] = hostsFromJson({ host: "n7", devices: [{ bdf: "a" }] });
  assert.equal(short?.devices, [
    { bdf: "a", group: null, reserved: null, aperture: null, pageSizes: null, pasidBits: null, dirtyTracking: null },
  ]);
  assert.equal(short?.limits, { memlockBytes: null, mappingsMax: null });
  const [limits] = hostsFromJson([
    { host: "n7", devices: [{ bdf: "a" }], limits: { memlockBytes: 8192, mappingsMax: "unlimited" } },
  ]);
  assert.equal(limits?.limits, { memlockBytes: 8192n, mappingsMax: "unlimited" });
});

test("a profile that cannot be is refused with where and what to do", () => {
  const device = (more: object): unknown => ({ host: "n7", devices: [{ bdf: "a", ...more }] });
  const msi = (first: string, last: string, type = "msi"): object => ({ range: [first, last], type });
  input(() => hostsFromJson({ host: "n7", devices: [] }), /n7 has no devices: nothing can be checked/);
  input(() => hostsFromJson([]), /0 host profiles/);
  input(() => hostsFromJson({ devices: [] }), /"host" is not a name/);
  input(() => hostsFromJson(device({ aperture: ["0x0"] })), /n7: "devices\[0\].aperture" is not a range/);
  input(() => hostsFromJson(device({ aperture: ["0x2000", "0x1000"] })), /ends before it begins/);
  input(() => hostsFromJson(device({ pageSizes: "0x0" })), /no bit set/);
  input(() => hostsFromJson(device({ pasidBits: 30 })), /more than 20/);
  input(() => hostsFromJson(device({ dirtyTracking: "yes" })), /dirtyTracking/);
  input(() => hostsFromJson(device({ reserved: [msi("0x0", "0xfff", "magic")] })), /reserved\[0\].type/);
  input(
    () => hostsFromJson(device({ reserved: [msi("0x1000", "0x1fff"), msi("0x0", "0x1000")] })),
    /msi 0x0-0x1000 and 0x1000-0x1fff, which overlap: join them/,
  );
  input(() => hostsFromJson({ host: "n7", devices: [{ bdf: "a" }, { bdf: "a" }] }), /a is there twice/);
});

test("ranges of several owners may overlap, as kernels show, and are named", () => {
  const host: HostProfile | undefined = hostsFromJson({
    host: "n7",
    devices: [
      { bdf: "a", reserved: [{ range: ["0x0", "0xffffff"], type: "direct" }] },
      {
        bdf: "b",
        reserved: [
          { range: ["0xe0000", "0xfffff"], type: "direct" },
          { range: ["0xfee00000", "0xfeefffff"], type: "msi" },
        ],
      },
      { bdf: "c", reserved: [{ range: ["0xfee00000", "0xfeefffff"], type: "msi" }] },
    ],
  })[0];
  assert.ok(host);
  assert.equal(overlapNotes(host), [
    "direct 0x0-0xffffff of a overlaps direct 0xe0000-0xfffff of b: each holds by itself; if one is a mistake, correct the profile",
  ]);
});

test.run();
