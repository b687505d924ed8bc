/** Plans: their order, what they share, and that they are carried out whole or not at all. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hex, type Iova, iova } from "../address.ts";
import { BUFFER_BYTES, MOCK, Model, PAGE, VA } from "../decide/testing/model.ts";
import type { DeviceTraits, Environment } from "../profile/environment.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { UserMemory } from "../profile/user-memory.ts";
import type { ContextState } from "../state.ts";
import { applyPlan } from "./apply-plan.ts";
import { callOf } from "./call-of.ts";
import { Destination } from "./destination.ts";
import { planOf } from "./plan-of.ts";
import { processPlanOf } from "./process-plan.ts";
import type { Plan, Step } from "./step.ts";

const test = suite("plan");
const profile = "iommufd";
const BASE = 0x100_0000n;
const DEVICES = new Map<string, DeviceTraits>([
  ["dev0", MOCK],
  ["dev1", MOCK],
]);

const TRAITS: DeviceTraits = { ...MOCK, pasids: 16, hwptFlags: MOCK.hwptFlags | 8 };
const TAGGED = new Map([["dev0", TRAITS]]);
/** No kernel maps a range of nothing that may be neither read nor written. */
const BAD: Step = {
  op: "map",
  space: 0,
  range: { first: iova(BASE), last: iova(BASE) },
  prot: "unknown",
  source: { kind: "va", va: VA },
};

/** Two spaces, two devices, a page table of the user's, an option, allowed ranges, files, a copy in the other space. */
function source(): ContextState {
  const model = new Model({ devices: DEVICES, files: new Map([[5, 0x10_0000n]]) }, "7.3");
  const one = model.alloc();
  const two = model.alloc();
  model.run({ command: "UseOption", option: 1, operation: 0, objectId: two, value: 0n });
  model.allow(one, [BASE, BASE + 0xff_ffffn]);
  model.attach(one, "dev0");
  const device = model.run({ command: "BindVfioDevice", device: "dev1" }).out as { readonly deviceId: number };
  const made = model.run({
    command: "AllocHwpt",
    flags: 2,
    deviceId: device.deviceId,
    ptId: two,
    dataType: 0,
    dataLength: 0,
  }).out as { readonly hwptId: number };
  model.run({ command: "AttachVfioDevice", device: "dev1", ptId: made.hwptId });
  model.run({ command: "SetDirtyTracking", hwptId: made.hwptId, flags: 1 });
  model.map(one, BASE, 4n * PAGE);
  model.map(one, BASE + 0x10_000n, PAGE, VA + 0x8000n, 5);
  model.unmap(one, BASE + 0x10_000n, PAGE);
  model.map(one, BASE + 0x20_000n, PAGE, VA + 0x9000n, 5);
  const copied = { srcIoasId: one, dstIoasId: two, length: 2n * PAGE, srcIova: BASE + PAGE } as const;
  model.run({ command: "CopyIova", flags: 7, dstIova: BASE + 0x8000n, ...copied });
  model.run({
    command: "MapFile",
    ioasId: two,
    flags: 7,
    fd: 5,
    start: 0x4000n,
    length: 2n * PAGE,
    iova: BASE + 0x40_0000n,
  });
  return model.state;
}

function destination(
  devices: ReadonlyMap<string, DeviceTraits> = DEVICES,
  environment: Partial<Environment> = {},
): Destination {
  const model = new Model({ devices, files: new Map([[5, 0x10_0000n]]), ...environment }, "7.3");
  return new Destination({ environment: model.environment, kernel: "7.3" });
}

const planned = (state: ContextState = source()): Plan => planOf(state, { profile });

/** Everything that lives in a state, by name; handles and versions are not among it. */
function picture(state: ContextState): unknown {
  const order = new Map(state.liveSpaces.map(({ handle }, i) => [handle, i]));
  return {
    spaces: state.liveSpaces.map(({ areas, reservations, allowed, largePages }) => ({
      areas: [...areas.all()].map(({ iova: first, last, prot, source: from }) => [
        hex(first),
        hex(last),
        prot,
        from.kind,
      ]),
      reservations: reservations.map(({ first, last }) => `${hex(first)}-${hex(last)}`).sort(),
      allowed: allowed.map(({ first, last }) => [hex(first), hex(last)]),
      largePages,
    })),
    hwpts: state.hwpts
      .flatMap((hwpt) =>
        hwpt === undefined
          ? []
          : [[order.get(hwpt.ioas), hwpt.auto, hwpt.dirtyTracking, hwpt.nestParent, hwpt.isTracking]],
      )
      .sort(),
    devices: [...state.devices.keys()].sort(),
    attached: [...state.attachments.values()]
      .map(({ device, pasid, ioas }) => [device, pasid, order.get(ioas ?? -1)])
      .sort(),
    mode: state.rlimitMode,
    vfioIoas: state.vfioIoas,
  };
}

test("spaces, what limits them, mappings, then what watches them; copies behind what they share", () => {
  assert.equal(
    planned().steps.map(({ op }) => op),
    [
      "space",
      "allow",
      "space",
      "large-pages-off",
      "bind",
      "bind",
      "page-table",
      "attach",
      "attach",
      "map",
      "map",
      "map",
      "copy",
      "track-dirty",
    ],
  );
  const copy = planned().steps.find(({ op }) => op === "copy") as Extract<Step, { op: "copy" }>;
  assert.equal(copy.from, { space: 0, first: BASE + PAGE });
});

/** One device with page tables of its own for itself and for a PASID; the other space holds the PASID's. */
function tagged(): ContextState {
  const model = new Model({ devices: TAGGED }, "7.3");
  const spaces = [model.alloc(), model.alloc()];
  const { deviceId } = model.run({ command: "BindVfioDevice", device: "dev0" }).out as { readonly deviceId: number };
  const common = { command: "AllocHwpt", flags: 8, deviceId, dataType: 0, dataLength: 0 } as const;
  for (const [i, ptId] of spaces.entries()) {
    const { hwptId } = model.run({ ...common, ptId }).out as { readonly hwptId: number };
    const who = i === 0 ? {} : { pasid: 5 };
    assert.is(model.run({ command: "AttachVfioDevice", device: "dev0", ptId: hwptId, ...who }).errno, null);
    model.map(ptId, BASE, PAGE, VA + BigInt(i) * PAGE);
  }
  return model.state;
}

test("a device and its PASID, each on a page table that takes PASIDs; whole or not at all", () => {
  const plan = planned(tagged());
  const calls = plan.steps.map((step) => callOf(step, "iommufd"));
  assert.equal(
    calls.filter(({ call }) => call === "IOMMU_HWPT_ALLOC").map(({ flags }) => flags),
    [["IOMMU_HWPT_ALLOC_PASID"], ["IOMMU_HWPT_ALLOC_PASID"]],
  );
  assert.equal(
    calls.filter(({ call }) => call === "VFIO_DEVICE_ATTACH_IOMMUFD_PT").map(({ pasid, hwpt }) => [pasid, hwpt]),
    [
      [undefined, "hwpt0"],
      [5, "hwpt1"],
    ],
  );
  for (let at = 0; at <= plan.steps.length; at++) {
    const there = destination(TAGGED);
    const before = picture(there.state);
    assert.is(applyPlan({ ...plan, steps: plan.steps.toSpliced(at, 0, BAD) }, there).refusal?.at, at);
    assert.equal(picture(there.state), before, `refused at ${at}`);
    assert.equal(applyPlan(plan, there), { made: plan.steps.length, there: 0, refusal: null });
    assert.equal(applyPlan(plan, there), { made: 0, there: plan.steps.length, refusal: null });
    assert.equal(picture(there.state), picture(tagged()));
  }
  const few = destination(new Map([["dev0", { ...TRAITS, pasids: 4 }]]));
  assert.match(applyPlan(plan, few).refusal?.rule ?? "", /has PASIDs, but fewer/);
  const environment = new Model({ devices: TAGGED }, "6.12").environment;
  assert.is(applyPlan(plan, new Destination({ environment, kernel: "6.12" })).refusal?.errno, "EOPNOTSUPP");
});

test("objects that hold no mappings are named, not made", () => {
  const model = new Model({ devices: TAGGED }, "7.3");
  model.alloc();
  model.run({ command: "AllocFaultQueue", flags: 0 });
  const { notes, steps } = planned(model.state);
  assert.equal(
    steps.map(({ op }) => op),
    ["space"],
  );
  assert.match(notes.join("\n"), /Object 2 is a fault queue/);
});

test("applied to a fresh host, the state is the same", () => {
  const there = destination();
  const plan = planned();
  assert.equal(applyPlan(plan, there), { made: plan.steps.length, there: 0, refusal: null });
  const [held, wanted] = [picture(there.state), picture(source())] as [{ spaces: unknown[] }, { spaces: unknown[] }];
  assert.equal(held, wanted);
});

test("applied twice nothing happens twice; applied to a part of itself it does the rest", () => {
  const plan = planned();
  for (let part = 0; part <= plan.steps.length; part++) {
    const there = destination();
    const head = applyPlan({ ...plan, steps: plan.steps.slice(0, part) }, there);
    assert.is(head.made, part);
    const rest = applyPlan(plan, there);
    assert.equal(rest, { made: plan.steps.length - part, there: part, refusal: null });
    const before = there.state.version;
    assert.equal(applyPlan(plan, there), { made: 0, there: plan.steps.length, refusal: null });
    assert.is(there.state.version, before);
    assert.equal(picture(there.state), picture(source()));
  }
});

test("a refusal at any call leaves the host as it was, whatever was there before", () => {
  const plan = planned();
  for (let part = 0; part <= plan.steps.length; part++)
    for (let at = part; at <= plan.steps.length; at++) {
      const there = destination();
      applyPlan({ ...plan, steps: plan.steps.slice(0, part) }, there);
      const before = picture(there.state);
      const { refusal, made } = applyPlan({ ...plan, steps: plan.steps.toSpliced(at, 0, BAD) }, there);
      assert.is(refusal?.at, at);
      assert.is(refusal?.errno, at === 0 ? "ENOENT" : "EINVAL");
      assert.is(made, 0);
      assert.equal(picture(there.state), before, `part ${part}, refused at ${at}`);
    }
});

test("a host that does not fit is found before a page is mapped, with the kernel's errno and rule", () => {
  const narrow = { ...MOCK, aperture: { first: iova(BASE), last: iova(BASE + 0xffffn) } };
  const window = { ...MOCK, reserved: [{ first: iova(BASE), last: iova(BASE + 0xfffn) }] };
  const cases: readonly (readonly [string, Destination, string, RegExp])[] = [
    [
      "aperture",
      destination(
        new Map([
          ["dev0", narrow],
          ["dev1", MOCK],
        ]),
      ),
      "EADDRINUSE",
      /iopt_reserve_iova/,
    ],
    [
      "reserved",
      destination(
        new Map([
          ["dev0", window],
          ["dev1", MOCK],
        ]),
      ),
      "EADDRINUSE",
      /enforce_dev_resv_regions/,
    ],
    [
      "dirty",
      destination(
        new Map([
          ["dev0", MOCK],
          ["dev1", { ...MOCK, canTrackDirty: false }],
        ]),
      ),
      "EOPNOTSUPP",
      /track/,
    ],
    ["no device", destination(new Map([["dev1", MOCK]])), "EINVAL", /not bound/],
  ];
  for (const [name, there, errno, rule] of cases) {
    const { refusal } = applyPlan(planned(), there);
    assert.is(refusal?.errno, errno, name);
    assert.match(refusal?.rule ?? "", rule);
    assert.is(there.state.liveSpaces.length, 0);
    assert.is(there.state.devices.size, 0);
  }
});

test("memory that is not there, or is another, is a refusal; so is something else in the way", () => {
  const nowhere = destination(DEVICES, { memory: UserMemory.of(VA, PAGE) });
  assert.is(applyPlan(planned(), nowhere).refusal?.errno, "EFAULT");
  const plan = planned();
  const first = plan.steps.findIndex(({ op }) => op === "map");
  const step = plan.steps[first] as Extract<Step, { op: "map" }>;
  const others: readonly [Step, string][] = [
    [{ ...step, prot: "r" }, "EEXIST"],
    [{ ...step, source: { kind: "va", va: VA + 0x10_0000n } }, "EEXIST"],
    [{ ...step, range: { first: step.range.first, last: (step.range.last + PAGE) as Iova } }, "EEXIST"],
  ];
  for (const [other, errno] of others) {
    const there = destination();
    const before = applyPlan({ ...plan, steps: [...plan.steps.slice(0, first), other] }, there);
    assert.is(before.refusal, null);
    assert.is(applyPlan(plan, there).refusal?.errno, errno);
  }
  const allow = plan.steps.findIndex(({ op }) => op === "allow");
  const there = destination();
  const ranges = [{ first: iova(0n), last: iova(0xfffn) }];
  applyPlan({ ...plan, steps: [...plan.steps.slice(0, allow), { op: "allow", space: 0, ranges }] }, there);
  assert.match(applyPlan(plan, there).refusal?.rule ?? "", /other ranges are allowed/);
});

test("an older kernel has no MAP_FILE", () => {
  const environment = new Model({ devices: DEVICES }, "6.12").environment;
  assert.is(kernelProfile("6.12").hasFileMaps, false);
  assert.is(applyPlan(planned(), new Destination({ environment, kernel: "6.12" })).refusal?.errno, "ENOTTY");
});

test("memory that two spaces map is mapped once; a copy never asks for more than the map gave", () => {
  const model = new Model();
  const [one, two] = [model.alloc(), model.alloc()];
  model.map(one, 0x1000n, PAGE, VA, 5);
  model.map(two, 0x1000n, 4n * PAGE, VA);
  model.map(two, 0x9000n, PAGE, VA + BUFFER_BYTES - PAGE, 5);
  model.map(one, 0x9000n, PAGE, VA + BUFFER_BYTES - PAGE);
  const places = planned(model.state).steps.flatMap((step) =>
    step.op === "map" || step.op === "copy" ? [[step.op, step.space, hex(step.range.first), step.prot]] : [],
  );
  assert.equal(places, [
    ["map", 0, "0x9000", "rw"],
    ["map", 1, "0x1000", "rw"],
    ["copy", 0, "0x1000", "r"],
    ["copy", 1, "0x9000", "r"],
  ]);
});

test("calls carry fixed addresses, names of files and the call that takes them back", () => {
  const calls = planned().steps.map((step) => callOf(step, "iommufd"));
  const [file] = calls.filter(({ call }) => call === "IOMMU_IOAS_MAP_FILE");
  assert.equal(file, {
    call: "IOMMU_IOAS_MAP_FILE",
    ioas: "ioas1",
    iova: "0x1400000",
    last: "0x1401fff",
    length: "0x2000",
    prot: "rw",
    source: { kind: "file", file: "fd5", start: "0x4000" },
    undo: "IOMMU_IOAS_UNMAP",
  });
  assert.ok(
    calls.filter(({ call }) => call === "IOMMU_IOAS_MAP").every(({ note }) => /own address/.test(String(note))),
  );
});

test("a profile without calls has no plan; a narrowed plan has only what it is of", () => {
  assert.throws(() => planOf(source(), { profile: "kernel-trace" }), /kernel-trace shows no calls/);
  const { steps } = planOf(source(), { profile, spaces: new Set([1]) });
  assert.ok(steps.every((step) => !("space" in step) || step.space === 1));
  assert.equal(
    steps.flatMap((step) => (step.op === "bind" ? [step.device] : [])),
    ["dev1"],
  );
});

test("a process is replaced when every mapping is of a file, and those that are not are named", () => {
  const { isPossible, unfiled, mappings } = processPlanOf(source(), profile);
  assert.is(isPossible, false);
  assert.equal([unfiled.length, mappings], [3, 4]);
  const model = new Model({ files: new Map([[5, 0x10_0000n]]) }, "7.3");
  const ioasId = model.alloc();
  model.run({ command: "MapFile", ioasId, flags: 7, fd: 5, start: 0n, length: PAGE, iova: 0n });
  assert.is(processPlanOf(model.state, profile).isPossible, true);
  assert.is(model.ask({ command: "ChangeProcess" }).errno, null);
  model.map(ioasId, 0x9000n, PAGE);
  assert.is(processPlanOf(model.state, profile).isPossible, false);
  assert.is(model.ask({ command: "ChangeProcess" }).errno, "EINVAL");
  assert.throws(() => processPlanOf(model.state, "vfio-type1v2"), /only iommufd/);
});

test.run();
