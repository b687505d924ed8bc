/** docs/profiles.md says of every profile what its model does: each cell of its first table is played here. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SPAPR_BUGS } from "./spapr/kernel-bugs.ts";
import {
  type Contender,
  type ContenderOptions,
  compat,
  iommufd,
  PAGE,
  spapr,
  type1,
  virtioIommu,
} from "./testing/contender.ts";
import { TOP_OF_SPACE } from "./type1/kernel-bugs.ts";
import { DEVICE_BUGS } from "./virtio-iommu/device-bugs.ts";

const test = suite("where the profiles differ");
const DOCUMENT = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "docs/profiles.md");

const PROFILES: Readonly<Record<string, (options: ContenderOptions) => Contender>> = {
  "iommufd 6.12": (options) => iommufd("6.12", options),
  "iommufd 7.3": (options) => iommufd("7.3", options),
  "iommufd-vfio-compat, TYPE1v2": (options) => compat(3, options),
  "iommufd-vfio-compat, TYPE1": (options) => compat(1, options),
  "vfio-type1v2": (options) => type1(3, options),
  "vfio-type1": (options) => type1(1, options),
  "spapr-tce-v2, pseries": (options) => spapr("pseries", 2, options),
  "spapr-tce-v2, powernv": (options) => spapr("powernv", 2, options),
  "spapr-tce": (options) => spapr("pseries", 1, options),
  "virtio-iommu, QEMU": () => virtioIommu("qemu"),
  "virtio-iommu, cloud-hypervisor": () => virtioIommu("cloud-hypervisor"),
};

/** Four pages are mapped from `base`: one by a first map, two by a second, one by a third. */
function three(make: (options: ContenderOptions) => Contender): Contender {
  const contender = make({});
  const { base } = contender;
  for (const [page, pages] of [
    [0n, 1n],
    [1n, 2n],
    [3n, 1n],
  ] as const)
    assert.is(contender.map(base + page * PAGE, pages * PAGE, page * PAGE), "success");
  return contender;
}

/** "ENOENT, 1 gone": pages of the four. */
function unmapping(make: (options: ContenderOptions) => Contender, first: bigint, pages: bigint): string {
  const contender = three(make);
  const answer = contender.unmap(contender.base + first * PAGE, pages * PAGE);
  return `${answer}, ${gone(contender)}`;
}

function gone({ base, isMapped }: Contender): string {
  const left = [0n, 1n, 2n, 3n].filter((page) => isMapped(base + page * PAGE)).length;
  return left === 4 ? "none gone" : `${4 - left} gone`;
}

type Situation = (make: (options: ContenderOptions) => Contender) => string;

const SITUATIONS: Readonly<Record<string, Situation>> = {
  "map over a mapping": (make) => {
    const contender = three(make);
    const answer = contender.map(contender.base + PAGE, PAGE);
    return answer === "success" ? "success, it replaces" : answer;
  },
  "unmap of all four pages": (make) => unmapping(make, 0n, 4n),
  "unmap that ends inside a mapping": (make) => unmapping(make, 1n, 1n),
  "unmap that begins inside a mapping": (make) => unmapping(make, 2n, 1n),
  "unmap of a whole mapping and half of the next": (make) => unmapping(make, 0n, 2n),
  "unmap of half a mapping and all of the next": (make) => unmapping(make, 2n, 2n),
  "unmap of nothing": (make) => unmapping(make, 8n, 1n),
  "call that unmaps everything": (make) => {
    const contender = three(make);
    return contender.unmapAll === null ? "none" : `${contender.unmapAll()}, ${gone(contender)}`;
  },
  "IOVA chosen by the callee": (make) => make({}).mapAnywhere?.() ?? "none",
  "map of 256 bytes": (make) => {
    const contender = make({});
    return contender.map(contender.base, 0x100n);
  },
  "map at 256 bytes into a page": (make) => {
    const contender = make({});
    return contender.map(contender.base + 0x100n, PAGE, 0x100n);
  },
  "map where the device's IOMMU does not translate": (make) => {
    const contender = make({});
    return contender.map(contender.outside, PAGE);
  },
  "map with all of `dma_entry_limit` in use": (make) => {
    const contender = make({ mappingsMax: 1 });
    contender.map(contender.base, PAGE);
    return contender.map(contender.base + PAGE, PAGE, PAGE);
  },
  "RLIMIT_MEMLOCK of 0": (make) => {
    const contender = make({ cannotLock: true });
    return contender.map(contender.base, PAGE);
  },
  "map of memory that is not there": (make) => {
    const contender = make({});
    return contender.map(contender.base, PAGE, 0x1_0000_0000n);
  },
  "attach of a device whose ranges conflict with a mapping": (make) => make({}).attachNarrow?.() ?? "none",
  "mappings after the last device has left": (make) => (three(make).detach() ? "stay" : "gone"),
};

/** Rows of the first table of the document: situation to the cells by profile. */
function documented(): Map<string, Map<string, string>> {
  const lines = readFileSync(DOCUMENT, "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith("| situation |"));
  const cells = (line: string): string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [, ...profiles] = cells(lines[start] ?? "").map((cell) => cell.replaceAll("`", ""));
  const table = new Map<string, Map<string, string>>();
  for (const line of lines.slice(start + 2)) {
    if (!line.startsWith("|")) break;
    const [situation, ...told] = cells(line);
    table.set(situation as string, new Map(profiles.map((profile, i) => [profile, told[i] ?? ""])));
  }
  return table;
}

const table = documented();

test("the table has every situation and every profile, and no other", () => {
  assert.equal([...table.keys()], Object.keys(SITUATIONS));
  for (const [situation, told] of table) assert.equal([...told.keys()], Object.keys(PROFILES), situation);
});

for (const [situation, play] of Object.entries(SITUATIONS))
  for (const [profile, make] of Object.entries(PROFILES))
    test(`${situation}: ${profile}`, () => {
      assert.is(table.get(situation)?.get(profile), play(make));
    });

test("the bugs that the documents list are those that the models flag, by name", () => {
  const bugs = [TOP_OF_SPACE, ...SPAPR_BUGS, ...DEVICE_BUGS];
  const text = readFileSync(DOCUMENT, "utf8");
  for (const { name } of bugs) assert.ok(text.includes(`\`${name}\``), name);
});

if (process.env["IOASIS_PRINT_PROFILES"] !== undefined)
  for (const [situation, play] of Object.entries(SITUATIONS))
    console.log(`| ${situation} | ${Object.values(PROFILES).map(play).join(" | ")} |`);

test.run();
