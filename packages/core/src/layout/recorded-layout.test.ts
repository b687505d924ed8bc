/** Layouts against what real QEMUs showed: monitors, VFIO listeners, the guest's e820 and device tree. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import { intersection, merged, type Range } from "../range.ts";
import { splitCommandLine } from "./command-line.ts";
import type { GuestLayout } from "./layout.ts";
import { layoutOf } from "./layout-of.ts";
import { layoutOfQemuArgs } from "./qemu-args.ts";
import { GIB, MIB } from "./size.ts";

const test = suite("layouts of real QEMUs");
const FOLDER = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/layout");

const textOf = (name: string): string => {
  const bytes = readFileSync(path.join(FOLDER, name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
};
const rangeOf = (first: string, last: string): Range => ({
  first: BigInt(`0x${first}`) as Iova,
  last: BigInt(`0x${last}`) as Iova,
});
const words = (ranges: readonly Range[]): string[] =>
  ranges.map(({ first, last }) => `${first.toString(16)}-${last.toString(16)}`);
const key = ({ first, last }: Range): string => `${first}-${last}`;

/** QEMU 10.0.13, by the name of the recording: machine, MiB, VGA, and its log. */
const RUNS: readonly (readonly [string, string, bigint, boolean, string])[] = [
  ["qemu-q35-edu-64m", "q35-10.0", 64n, false, "qemu-q35-edu-64m.log.gz"],
  ["qemu-q35-edu-64m-container", "q35-10.0", 64n, false, "qemu-q35-edu-64m-container.log.gz"],
  ["qemu-q35-e1000e-256m", "q35-10.0", 256n, true, "qemu-q35-e1000e-256m.head.log.gz"],
  ["qemu-q35-two-devs", "q35-10.0", 128n, false, "qemu-q35-two-devs.head.log.gz"],
  ["qemu-pc-e1000e-256m-legacy", "pc-10.0", 256n, true, "qemu-pc-e1000e-256m-legacy.log.gz"],
  ["qemu-q35-edu-64m-legacy", "q35-10.0", 64n, false, "qemu-q35-edu-64m-legacy.log.gz"],
  ["qemu-q35-edu-96m-legacy", "q35-10.0", 96n, false, "qemu-q35-edu-96m-legacy.log.gz"],
  ["qemu-q35-two-devs-128m-legacy", "q35-10.0", 128n, false, "qemu-q35-two-devs-128m-legacy.log.gz"],
];

/** The first MiB above 640 KiB belongs to the firmware, which turns ROM into RAM as it likes. */
const outsideFirmware = (ranges: readonly Range[]): Range[] =>
  merged(
    ranges.flatMap((range) =>
      [rangeOf("0", "9ffff"), rangeOf("100000", "ffffffffffffffff")].flatMap((part) => intersection(range, part) ?? []),
    ),
  );

for (const [name, machine, mib, hasVga, log] of RUNS) {
  const layout = layoutOf({ machine, memoryBytes: mib * MIB, hasVga });
  const ofKind = (kind: string): Range[] => layout.ranges.filter((range) => range.kind === kind);

  test(`${name}: RAM as the monitor shows it (info mtree -f)`, () => {
    const lines = [
      ...textOf(`${name}.monitor.txt.gz`).matchAll(
        /^ +([0-9a-f]{16})-([0-9a-f]{16}) \(prio \d+, r[ao]m\): (pc\.\w+)/gm,
      ),
    ];
    const shown = (region: string): Range[] =>
      lines.filter((line) => line[3] === region).map((line) => rangeOf(line[1] as string, line[2] as string));
    assert.equal(words(outsideFirmware(shown("pc.ram"))), words(outsideFirmware(ofKind("ram"))));
    assert.equal(words(outsideFirmware(shown("pc.bios"))), words(outsideFirmware(ofKind("rom"))));
  });

  test(`${name}: RAM and ROM as VFIO's listener was told them after reset`, () => {
    const added = new Set(
      [...textOf(log).matchAll(/region_add \[ram\] 0x([0-9a-f]+) - 0x([0-9a-f]+)/g)].map((line) =>
        key(rangeOf(line[1] as string, line[2] as string)),
      ),
    );
    for (const range of [...ofKind("ram"), ...ofKind("rom")]) assert.ok(added.has(key(range)), words([range]).join());
    const skipped = [...textOf(log).matchAll(/SKIPPING region_add 0x([0-9a-f]+) - 0x([0-9a-f]+)/g)].map((line) =>
      key(rangeOf(line[1] as string, line[2] as string)),
    );
    for (const range of layout.reserved) assert.ok(skipped.includes(key(range)), range.name);
  });
}

test("pc with 4 GiB by its command line: low RAM ends at 0xbfffffff", () => {
  const [commandLine, ...lines] = textOf("qemu-trace-libvfio-user-439-startup.txt").split("\n");
  const layout = layoutOfQemuArgs(splitCommandLine(commandLine as string));
  assert.is(layout.machine, "pc");
  const added = lines.flatMap((line) => {
    const match = /region_add_ram region_add \[ram\] 0x([0-9a-f]+) - 0x([0-9a-f]+)/.exec(line);
    return match === null ? [] : [rangeOf(match[1] as string, match[2] as string)];
  });
  assert.is(added.at(-1)?.last, 0xbfff_ffffn);
  const expected = layout.ranges.filter(({ kind, last }) => kind !== "window" && last < 0xc000_0000n);
  assert.equal(words(added), words(expected));
});

test("q35 with a vCPU of AMD's: ECAM, firmware and HyperTransport in the guest's e820", () => {
  const e820 = [...textOf("l2-guest.e820.txt").matchAll(/mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] (\w+)/g)].map((line) => ({
    ...rangeOf(line[1] as string, line[2] as string),
    type: line[3],
  }));
  const layout: GuestLayout = layoutOf({
    machine: "q35-10.0",
    memoryBytes: 256n * MIB,
    cpuVendor: "amd",
    hasVga: false,
  });
  const ecam = layout.ranges.filter(({ name }) => name === "pcie-ecam");
  const bios = layout.ranges.filter(({ name, first }) => name === "pc.bios" && first > GIB);
  const hypertransport = layout.reserved.filter(({ name }) => name === "hypertransport");
  const reserved = words(e820.filter(({ type }) => type === "reserved"));
  for (const range of words([...ecam, ...bios, ...hypertransport])) assert.ok(reserved.includes(range), range);
  const ram = merged(e820.filter(({ first, last }) => first >= MIB && last < 0x2000_0000n));
  assert.equal(words(ram), words(layout.ranges.filter(({ kind, first }) => kind === "ram" && first >= MIB)));
});

test("pseries with 2 GiB: its DMA windows as the device tree and QEMU's log show them", () => {
  const layout = layoutOf({ machine: "pseries-10.0", memoryBytes: 2n * GIB, hostBridges: 6 });
  const [low, high] = ["dma-window-32", "dma-window-64"].map((name) =>
    layout.ranges.find((range) => range.name === name),
  );
  // ibm,dma-window: LIOBN, address and size in two cells each.
  const first = /ibm,dma-window 80000000 (\w{8}) (\w{8}) (\w{8}) (\w{8})/.exec(textOf("pseries-dt-windows.txt")) ?? [];
  assert.is(low?.first, BigInt(`0x${first[1]}${first[2]}`));
  assert.is((low?.last ?? 0n) - (low?.first ?? 0n) + 1n, BigInt(`0x${first[3]}${first[4]}`));
  const created = /requested=0x(\w+), start addr=0x(\w+)/.exec(textOf("pseries-ddw-create.txt")) ?? [];
  assert.is(high?.first, BigInt(`0x${created[2]}`));
  assert.is((high?.last ?? 0n) - (high?.first ?? 0n) + 1n, BigInt(`0x${created[1]}`));
});

test.run();
