/** type1 and sPAPR under the policies: the second table of docs/policies.md, situation by situation. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JsonObject } from "../event-json.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import { layoutToJson } from "../layout/layout-json.ts";
import { layoutOf } from "../layout/layout-of.ts";
import { GIB } from "../layout/size.ts";
import type { Model, ModelOutcome } from "../model/model.ts";
import { modelOf } from "../model/profiles.ts";
import { contextCreated } from "../model/setup.ts";
import { POLICIES, type Policy } from "./policy.ts";

const test = suite("policies of type1 and sPAPR");
const ROOT = process.env["IOASIS_ROOT"] ?? process.cwd();
const X86 = layoutToJson(layoutOf({ machine: "q35-9.2", memoryBytes: 8n * GIB }));
const POWER = layoutToJson(layoutOf({ machine: "pseries-9.2", memoryBytes: 4n * GIB }));
const LIMITS = { memlockBytes: "unlimited", mappingsMax: 65_535 };

function host(name: string, ...devices: readonly JsonObject[]): JsonObject {
  const common = { reserved: [], pageSizes: "0x1000", pasidBits: 0, dirtyTracking: false };
  return { host: name, devices: devices.map((device) => ({ ...common, ...device })), limits: LIMITS };
}

const aperture = (last: string): JsonObject => ({ aperture: ["0x0", last] });
const hole = (first: string, last: string): JsonObject => ({ reserved: [{ range: [first, last], type: "reserved" }] });
const X86_HOSTS = [
  host("boot", { bdf: "boot", group: 1, ...aperture("0xffffffffffff"), ...hole("0xd0000000", "0xd00fffff") }),
  host(
    "later",
    { bdf: "same", group: 2, ...aperture("0xffffffffffff"), ...hole("0xd0000000", "0xd00fffff") },
    { bdf: "narrow", group: 3, ...aperture("0xffffffff") },
    { bdf: "hole", group: 4, ...aperture("0xffffffffffff"), ...hole("0x20000000", "0x20000fff") },
  ),
];
const POWER_HOSTS = [
  host("boot", { bdf: "boot", group: 1, ...aperture("0x3fffffff"), pageSizes: "0x1211000" }),
  host("later", { bdf: "small", group: 2, ...aperture("0x3ffffff"), pageSizes: "0x1211000" }),
];

/** The second group of the context. */
const hotplug = (group: number): JsonObject[] => [
  { command: "OpenGroup", group },
  { command: "SetContainer", group: 1, file: "container0" },
];
const openGroup = (group: number): JsonObject[] => [
  { command: "OpenContainer" },
  { command: "OpenGroup", group },
  { command: "SetContainer", group: 0, file: "container0" },
];
const openPe = (pe: number): JsonObject[] => [
  { command: "OpenContainer" },
  { command: "OpenGroup", pe },
  { command: "SetContainer", group: 0, container: 0 },
];
const TYPES = { "vfio-type1": 1, "vfio-type1v2": 3, "spapr-tce": 2, "spapr-tce-v2": 7 };
type Driver = keyof typeof TYPES;

const on = { container: 0 };
const type1Map = (iova: string): JsonObject => ({
  command: "MapDma",
  ...on,
  flags: 3,
  userVa: "0x10000",
  iova,
  size: "0x1000",
});
const WINDOW = { command: "CreateWindow", ...on, pageShift: 16, levels: 1 };

/** Situation, and the calls behind the set-up that lead to it: the last one counts. */
const TYPE1: Readonly<Record<string, readonly JsonObject[]>> = {
  "SET_IOMMU with a boot-time group": [],
  "MAP_DMA in RAM": [type1Map("0x200000")],
  "MAP_DMA outside of the layout": [type1Map("0x90000000")],
  "MAP_DMA in what the machine reserves": [type1Map("0xfee00000")],
  "MAP_DMA where a boot-time device has a hole": [type1Map("0xd0000000")],
  "MAP_DMA of memory that is mapped": [type1Map("0x200000"), type1Map("0x200000")],
  "SET_CONTAINER of a hotplugged group with the holes of boot": hotplug(2),
  "SET_CONTAINER of a hotplugged group, narrower than RAM": hotplug(3),
  "SET_CONTAINER of a hotplugged group with a hole in RAM": hotplug(4),
};

const register: JsonObject = { command: "RegisterMemory", ...on, userVa: "0x10000000", size: "0x10000" };
const tceMap = (iova: string): JsonObject => ({
  command: "MapDma",
  ...on,
  flags: 3,
  userVa: "0x10000000",
  iova,
  size: "0x10000",
});
const SPAPR: Readonly<Record<string, readonly JsonObject[]>> = {
  "SET_IOMMU with a boot-time group": [],
  "MAP_DMA in a window of the layout": [register, tceMap("0x0")],
  "MAP_DMA outside of the layout": [register, tceMap("0x50000000")],
  "TCE_CREATE of the layout's second window": [{ ...WINDOW, size: "0x100000000" }],
  "TCE_CREATE of a larger one": [{ ...WINDOW, size: "0x200000000" }],
};

function modelUnder(policy: Policy, profile: Driver): Model {
  const isPower = profile.startsWith("spapr");
  const [layout, hosts] = isPower ? [POWER, POWER_HOSTS] : [X86, X86_HOSTS];
  const machine = isPower ? "pseries" : null;
  const kernel = isPower ? "6.12" : null;
  return modelOf(contextCreated({ profile: profile as ProfileName, kernel, policy, layout, hosts, machine }));
}

function setUp(profile: Driver, group: number): JsonObject[] {
  const set = { command: "SetIommu", ...on, iommuType: TYPES[profile] };
  return profile.startsWith("spapr") ? [...openPe(group), set] : [...openGroup(group), set];
}

function play(model: Model, commands: readonly JsonObject[]): string {
  let last: ModelOutcome | null = null;
  for (const json of commands) last = model.execute(model.commandOf(json));
  return last?.errno === null ? "taken" : `${last?.errno} ${last?.rule?.split(":")[0]}`;
}

/** Under kernel-managed, and where the holes leave no place, there is no context. */
function answer(policy: Policy, profile: Driver, calls: readonly JsonObject[], group = 1): string {
  try {
    return play(modelUnder(policy, profile), [...setUp(profile, group), ...calls]);
  } catch (error) {
    if (error instanceof IoasisError) return error.code;
    throw error;
  }
}

const TEXT = readFileSync(path.join(ROOT, "docs/policies.md"), "utf8");

function row(situation: string, driver: string): readonly string[] | undefined {
  const line = TEXT.split("\n").find((text) => text.startsWith(`| ${situation} | ${driver} |`));
  return line
    ?.split(" | ")
    .slice(2)
    .map((cell) => cell.replace(/ \|$/, ""));
}

const ROWS: readonly (readonly [situation: string, driver: string, answers: (policy: Policy) => string[]])[] = [
  ...Object.entries(TYPE1).map(
    ([situation, calls]) =>
      [
        situation,
        "type1",
        (policy: Policy) => (["vfio-type1v2", "vfio-type1"] as const).map((profile) => answer(policy, profile, calls)),
      ] as const,
  ),
  ...Object.entries(SPAPR).map(
    ([situation, calls]) =>
      [situation, "sPAPR v2", (policy: Policy) => [answer(policy, "spapr-tce-v2", calls)]] as const,
  ),
  ["SET_IOMMU with a group of a smaller first window", "sPAPR v2", (policy) => [answer(policy, "spapr-tce-v2", [], 2)]],
  ["SET_IOMMU with a boot-time group", "sPAPR v1", (policy) => [answer(policy, "spapr-tce", [])]],
];

for (const [situation, driver, answers] of ROWS)
  test(`${situation}, ${driver}`, () => {
    const told = POLICIES.map((policy) => [...new Set(answers(policy))].join(" or "));
    assert.equal(row(situation, driver), told, `| ${situation} | ${driver} | ${told.join(" | ")} |`);
  });

test("GET_INFO of type1 tells the layout under fixed, and what the container has under host-derived", () => {
  const ranges = (policy: Policy): unknown => {
    const model = modelUnder(policy, "vfio-type1v2");
    play(model, setUp("vfio-type1v2", 1));
    const { out } = model.execute(model.commandOf({ command: "QueryInfo", ...on, argBytes: 4096 }));
    const { capabilities } = out as {
      readonly capabilities: { readonly ranges: { readonly iovas: readonly unknown[] } };
    };
    return capabilities.ranges.iovas.length;
  };
  assert.equal(
    ["fixed", "host-derived"].map((policy) => ranges(policy as Policy)),
    [4, 2],
  );
});

/** A context without a policy, set up but for its driver. */
function type1Free(): Model {
  const setup = { profile: "vfio-type1v2", kernel: null, policy: null, layout: null, machine: null } as const;
  const model = modelOf(contextCreated({ ...setup, hosts: X86_HOSTS }));
  play(model, openGroup(1));
  return model;
}

const SET = { command: "SetIommu", ...on, iommuType: 3 };
const ASKED: readonly (readonly [answer: string, JsonObject])[] = [
  ["taken", { ...SET, base: "0x100000000", length: "0x1000" }],
  ["EINVAL vfio_iommu_iova_dma_valid", { ...SET, base: "0xd0000000", length: "0x1000" }],
  ["EINVAL base and length", { ...SET, base: "0x0" }],
  ["EOVERFLOW base and length", { ...SET, base: "0xffffffffffffffff", length: "0x2" }],
  ["EOPNOTSUPP vfio_iommu_type1", { command: "SetContainer", group: 1, file: "container0", base: "0x0" }],
];
for (const [expected, call] of ASKED)
  test(`type1, the two addresses: ${expected}`, () => {
    const model = type1Free();
    assert.is(play(model, [{ command: "OpenGroup", group: 2 }, call]), expected);
  });

test("sPAPR: an address is named in one form", () => {
  const setup = { profile: "spapr-tce-v2", kernel: "6.12", policy: null, layout: null, machine: "pseries" } as const;
  const model = modelOf(contextCreated({ ...setup, hosts: POWER_HOSTS }));
  play(model, [...setUp("spapr-tce-v2", 1), register]);
  const { iova: _, ...map } = tceMap("0x0");
  assert.is(play(model, [{ ...map, base: "0x0", offset: "0x10000" }]), "taken");
  assert.is(play(model, [{ ...map, base: "0x0", offset: "0x40000000" }]), "ENXIO tce_iommu_find_table");
  for (const wrong of [map, { ...map, iova: "0x0", base: "0x0" }, { ...map, offset: "0x0" }])
    assert.throws(() => play(model, [wrong]), /MapDma takes "iova", or "base" and "offset"/);
  assert.throws(() => play(model, [{ ...WINDOW, base: "0x0" }]), /CreateWindow takes "size", or "base" and "length"/);
});

test.run();
