/** Plans of VFIO's containers, carried out on the models of their drivers. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hex, type Iova, U64_MAX } from "../address.ts";
import type { IoasEvent } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { DriverModel } from "../model/driver-model.ts";
import { LiveState } from "../model/live-state.ts";
import type { Model, ModelCommand } from "../model/model.ts";
import { SpaprDriver } from "../model/spapr-model.ts";
import { Type1Driver } from "../model/type1-model.ts";
import { UserMemory } from "../profile/user-memory.ts";
import { type Machine, peTraits, platformOf } from "../spapr/platform.ts";
import type { ContextState } from "../state.ts";
import { NARROW, WIDE } from "../type1/testing/model.ts";
import { applyPlan } from "./apply-plan.ts";
import { callOf } from "./call-of.ts";
import { planOf } from "./plan-of.ts";
import type { Plan, Step } from "./step.ts";
import { VfioDestination } from "./vfio-destination.ts";

const test = suite("plans of VFIO");
const VA = 1n << 44n;
const PAGE = 0x1_0000n;
const DYNAMIC = 1n << 59n;
const MEMORY = UserMemory.of(0n, U64_MAX);
const DEVICES = new Map([[2, ["0000:00:05.0", "0000:00:05.1"]]]);
const bad = (space: number): Step => ({
  op: "map",
  space,
  range: { first: 0x3f0_0000n as Iova, last: 0x3f0_ffffn as Iova },
  prot: "unknown",
  source: { kind: "va", va: VA },
});

function spapr(machine: Machine, version: 1 | 2, dma32Size = 0x400_0000n): Model {
  const environment = {
    platform: platformOf(machine, "7.3", 0x1_0000),
    peOf: () => ({ ...peTraits(machine, 2), dma32Size }),
    memory: MEMORY,
    hugePages: null,
    memlockBytes: null,
    canLockMemory: true,
  };
  return new DriverModel(new SpaprDriver(environment, DEVICES, version === 1 ? 2 : 7));
}

function type1(iommuType: number): Model {
  const groups = [{ ...WIDE, devices: ["0000:00:05.0", "0000:00:05.1"] }, NARROW];
  const environment = {
    iommu: {
      name: "test",
      aperture: { first: 0n as Iova, last: U64_MAX as Iova },
      pageSizes: 0x1000n,
      enforcesCoherency: false,
    },
    groups: new Map(groups.map((group) => [group.number, group])),
    memory: MEMORY,
    deviceMemory: UserMemory.of(0n, 0n),
    memlockBytes: null,
    canLockMemory: true,
    entriesMax: 65_535,
  };
  return new DriverModel(new Type1Driver(environment, iommuType));
}

function run(model: Model, ...commands: readonly (ModelCommand & Readonly<Record<string, unknown>>)[]): Model {
  for (const command of commands) {
    const { errno, returned, rule } = model.execute(command);
    assert.equal([errno, returned], [null, 0], `${command.command}: ${rule}`);
  }
  return model;
}

const WINDOW = { command: "CreateWindow", container: 0, pageShift: 16, size: 0x1000_0000n, levels: 1, flags: 0 };
const DROP = { command: "RemoveWindow", container: 0, start: 0n, flags: 0 };
const mapped = (at: bigint, va = VA, flags = 3) => ({
  command: "MapDma",
  container: 0,
  iova: at,
  userVa: va,
  size: PAGE,
  flags,
});

/** A container with one group; v2 registers its memory first. */
function spaprSource(machine: Machine, version: 1 | 2, ...calls: Parameters<typeof run>[1][]): ContextState {
  const model = run(
    spapr(machine, version),
    { command: "OpenContainer" },
    { command: "OpenGroup", pe: 2 },
    { command: "SetContainer", group: 0, container: 0 },
    { command: "SetIommu", container: 0, iommuType: version === 1 ? 2 : 7 },
    version === 1
      ? { command: "Enable", container: 0 }
      : { command: "RegisterMemory", container: 0, userVa: VA, size: 4n * PAGE, flags: 0 },
  );
  return run(model, ...calls).state;
}

function type1Source(iommuType: number): ContextState {
  return run(
    type1(iommuType),
    { command: "OpenContainer" },
    { command: "OpenGroup", group: 2 },
    { command: "SetContainer", group: 0, file: { kind: "container", handle: 0 } },
    { command: "OpenGroup", group: 3 },
    { command: "SetContainer", group: 1, file: { kind: "container", handle: 0 } },
    { command: "SetIommu", container: 0, iommuType },
    mapped(0n),
    mapped(0x10_0000n, VA + PAGE, 1),
  ).state;
}

/**
 * Everything that lives, without handles and versions. `hasDefault` false: without the window that the kernel makes
 * with the first map, even one that it refuses, and that no call takes back to where it is pending.
 */
function picture(state: ContextState, hasDefault = true): unknown {
  const spaces = state.liveSpaces;
  return {
    spaces: spaces.map(({ areas, windows, reservations }) => ({
      areas: [...areas.all()].map(({ iova, last, prot, source }) => [hex(iova), hex(last), prot, source]),
      windows: windows
        .filter(({ pageSize }) => hasDefault || pageSize > 0x1000n)
        .map(({ first, last, pageSize }) => [hex(first), hex(last), hex(pageSize)]),
      reservations: reservations.map(({ first, last }) => [hex(first), hex(last)]),
    })),
    attached: [...state.attachments.values()]
      .map(({ device, ioas }) => [device, spaces.findIndex(({ handle }) => handle === ioas)])
      .sort(),
    registered: [...state.registered],
  };
}

const groupOf = (devices: readonly string[]) => (devices[0] === "0000:00:06.0" ? 3 : 2);

interface Case {
  readonly name: string;
  readonly profile: ProfileName;
  readonly source: () => ContextState;
  readonly fresh: () => Model;
  readonly ops: readonly Step["op"][];
}

const FILES = ["join", "join", "space", "open-device", "open-device"] as const;
const CASES: readonly Case[] = [
  {
    name: "type1v2, two groups",
    profile: "vfio-type1v2",
    source: () => type1Source(3),
    fresh: () => type1(3),
    ops: ["join", "join", "join", "space", "open-device", "open-device", "open-device", "map", "map"],
  },
  {
    name: "type1, two groups",
    profile: "vfio-type1",
    source: () => type1Source(1),
    fresh: () => type1(1),
    ops: ["join", "join", "join", "space", "open-device", "open-device", "open-device", "map", "map"],
  },
  {
    name: "v1",
    profile: "spapr-tce",
    source: () => spaprSource("pseries", 1, mapped(0n), mapped(PAGE, VA, 1)),
    fresh: () => spapr("pseries", 1),
    ops: [...FILES, "enable", "map", "map"],
  },
  {
    name: "v2 on pseries, the default window",
    profile: "spapr-tce-v2",
    source: () => spaprSource("pseries", 2, mapped(0n), mapped(2n * PAGE, VA + PAGE)),
    fresh: () => spapr("pseries", 2),
    ops: [...FILES, "register", "default-window", "map", "map"],
  },
  ...(["pseries", "powernv"] as const).map(
    (machine): Case => ({
      name: `v2 on ${machine}, a dynamic window beside`,
      profile: "spapr-tce-v2",
      source: () => spaprSource(machine, 2, WINDOW, mapped(PAGE), mapped(DYNAMIC + PAGE, VA + PAGE)),
      fresh: () => spapr(machine, 2),
      ops: [...FILES, "register", "default-window", "window", "map", "map"],
    }),
  ),
  {
    name: "v2 on powernv, a dynamic window whose table has two levels",
    profile: "spapr-tce-v2",
    source: () =>
      spaprSource("powernv", 2, { ...WINDOW, size: 1n << 39n, levels: 2 }, mapped(PAGE), mapped(DYNAMIC + PAGE)),
    fresh: () => spapr("powernv", 2),
    ops: [...FILES, "register", "default-window", "window", "map", "map"],
  },
  {
    name: "v2 on powernv, other pages below 4 GiB and a dynamic window",
    profile: "spapr-tce-v2",
    source: () =>
      spaprSource("powernv", 2, DROP, WINDOW, { ...WINDOW, size: 0x2000_0000n }, mapped(PAGE), mapped(DYNAMIC)),
    fresh: () => spapr("powernv", 2),
    ops: [...FILES, "register", "drop-default-window", "window", "window", "map", "map"],
  },
];

function plannedFor({ profile, source }: Case): Plan {
  return planOf(source(), { profile });
}

for (const each of CASES) {
  test(`${each.name}: the same state, nothing twice`, () => {
    const plan = plannedFor(each);
    assert.equal(
      plan.steps.map(({ op }) => op),
      each.ops,
    );
    for (let part = 0; part <= plan.steps.length; part++) {
      const there = new VfioDestination({ model: each.fresh(), groupOf });
      const head = applyPlan({ ...plan, steps: plan.steps.slice(0, part) }, there);
      assert.is(head.refusal, null, JSON.stringify(head.refusal));
      assert.is(applyPlan(plan, there).refusal, null);
      assert.equal(picture(there.state), picture(each.source()));
      const before = there.state.version;
      const { made, there: found } = applyPlan(plan, there);
      assert.equal([made, found], [0, plan.steps.length]);
      assert.is(there.state.version, before);
    }
  });

  test(`${each.name}: refused anywhere, the host is as before`, () => {
    const plan = plannedFor(each);
    for (let part = 0; part <= plan.steps.length; part++)
      for (let at = part; at <= plan.steps.length; at++) {
        const there = new VfioDestination({ model: each.fresh(), groupOf });
        applyPlan({ ...plan, steps: plan.steps.slice(0, part) }, there);
        const before = picture(there.state, false);
        const { refusal } = applyPlan({ ...plan, steps: plan.steps.toSpliced(at, 0, bad(0)) }, there);
        assert.is(refusal?.at, at);
        assert.equal(picture(there.state, false), before, `part ${part}, refused at ${at}`);
        assert.is(applyPlan(plan, there).refusal, null, "it can be tried again");
        assert.equal(picture(there.state), picture(each.source()));
      }
  });
}

test("sPAPR: another default window, memory that is not registered, a map in the way", () => {
  const source = spaprSource("pseries", 2, WINDOW, mapped(PAGE), mapped(DYNAMIC + PAGE, VA + PAGE));
  const plan = planOf(source, { profile: "spapr-tce-v2" });
  const larger = new VfioDestination({ model: spapr("pseries", 2, 0x800_0000n), groupOf });
  assert.match(applyPlan(plan, larger).refusal?.rule ?? "", /default window of this host is another/);
  assert.is(larger.state.liveSpaces.length, 0);
  const steps = plan.steps.filter(({ op }) => op !== "register");
  const unregistered = new VfioDestination({ model: spapr("pseries", 2), groupOf });
  assert.is(applyPlan({ ...plan, steps }, unregistered).refusal?.errno, "EPERM");
  const there = new VfioDestination({ model: spapr("pseries", 2), groupOf });
  applyPlan(plan, there);
  const moved = plan.steps.map((step) => (step.op === "map" ? { ...step, prot: "r" as const } : step));
  assert.is(applyPlan({ ...plan, steps: moved }, there).refusal?.errno, "EEXIST");
});

test("sPAPR: windows in another order start elsewhere, which is refused", () => {
  const source = spaprSource("powernv", 2, DROP, WINDOW, { ...WINDOW, size: 0x2000_0000n });
  const plan = planOf(source, { profile: "spapr-tce-v2" });
  const windows = plan.steps.filter(({ op }) => op === "window").reverse();
  const steps = [...plan.steps.filter(({ op }) => op !== "window"), ...windows];
  const there = new VfioDestination({ model: spapr("powernv", 2), groupOf });
  assert.is(applyPlan({ ...plan, steps }, there).refusal?.errno, "ENOSPC");
  assert.equal(there.state.liveSpaces, []);
});

test("a dynamic window alone: the new container's own stays beside, and the plan says so", () => {
  const source = spaprSource("pseries", 2, DROP, WINDOW, mapped(DYNAMIC));
  const plan = planOf(source, { profile: "spapr-tce-v2" });
  assert.match(plan.notes.join("\n"), /stays beside/);
  const there = new VfioDestination({ model: spapr("pseries", 2), groupOf });
  assert.is(applyPlan(plan, there).refusal, null);
  assert.equal(
    there.state.liveSpaces[0]?.windows.map(({ first }) => first),
    [0n, DYNAMIC],
  );
});

test("devices of one group join their container once; a group that is not told is null, with a note", () => {
  const live = new LiveState();
  const attached = (device: string): IoasEvent => ({
    type: "DeviceAttached",
    device,
    pasid: null,
    ioas: 0,
    hwpt: null,
  });
  const events: IoasEvent[] = [
    { type: "IoasAllocated", ioas: 0, kernelId: null },
    { type: "DeviceBound", device: "0000:00:05.0", kernelId: null, group: "2" },
    { type: "DeviceBound", device: "0000:00:05.1", kernelId: null, group: "2" },
    ...["0000:00:05.0", "0000:00:05.1", "0000:00:06.0"].map(attached),
  ];
  for (const event of events) live.add(event);
  const { steps, notes } = planOf(live.state, { profile: "vfio-type1v2" });
  assert.equal(
    steps
      .map((step) => callOf(step, "vfio-type1v2"))
      .map(({ call, group, devices, device }) => [call, group, devices ?? device]),
    [
      ["VFIO_GROUP_SET_CONTAINER", "2", ["0000:00:05.0", "0000:00:05.1"]],
      ["VFIO_GROUP_SET_CONTAINER", null, ["0000:00:06.0"]],
      ["VFIO_SET_IOMMU", undefined, undefined],
      ["VFIO_GROUP_GET_DEVICE_FD", "2", "0000:00:05.0"],
      ["VFIO_GROUP_GET_DEVICE_FD", "2", "0000:00:05.1"],
      ["VFIO_GROUP_GET_DEVICE_FD", null, "0000:00:06.0"],
    ],
  );
  assert.match(notes.join("\n"), /group of 0000:00:06.0/);
  const there = new VfioDestination({ model: type1(3), groupOf });
  assert.equal(applyPlan(planOf(live.state, { profile: "vfio-type1v2" }), there).refusal, null);
  const nameless = new VfioDestination({ model: type1(3) });
  assert.match(
    applyPlan(planOf(live.state, { profile: "vfio-type1v2" }), nameless).refusal?.rule ?? "",
    /names a group/,
  );
});

test.run();
