/** Plans of a virtual IOMMU's domains, carried out on the model of the device. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hex, type Iova } from "../address.ts";
import { WHOLE_SPACE } from "../range.ts";
import type { ContextState } from "../state.ts";
import { ATTACH_BYPASS, type VirtioIommuCommand } from "../virtio-iommu/commands.ts";
import { IMPLEMENTATIONS, type Implementation, type VirtioIommuEnvironment } from "../virtio-iommu/environment.ts";
import { applyPlan } from "./apply-plan.ts";
import { callOf } from "./call-of.ts";
import { planOf } from "./plan-of.ts";
import type { Step } from "./step.ts";
import { VirtioDestination } from "./virtio-destination.ts";

const test = suite("plans of a virtual IOMMU");
const profile = "virtio-iommu";
const PAGE = 0x1000n;
/** A space that no step of the plan has made. */
const BAD: Step = {
  op: "map",
  space: 5,
  range: { first: 0n as Iova, last: 0xfffn as Iova },
  prot: "r",
  source: { kind: "gpa", gpa: 0n },
};

function environment(implementation: Implementation, numbers: readonly number[] = [8, 16, 24]): VirtioIommuEnvironment {
  return {
    implementation,
    pageSizeMask: 0xffff_ffff_ffff_f000n,
    inputRange: WHOLE_SPACE,
    probeBytes: 512,
    bypass: true,
    reserved: [],
    endpoints: new Map(numbers.map((number) => [number, { reserved: [], hostRanges: null }])),
  };
}

/** Two endpoints in one domain, one in a bypass domain. */
function source(implementation: Implementation): ContextState {
  const there = new VirtioDestination({ environment: environment(implementation) });
  const attach = (domain: number, endpoint: number, flags = 0) =>
    ({ command: "AttachEndpoint", domain, endpoint, flags }) as const;
  const map = (first: bigint, physStart: bigint, flags: number) =>
    ({ command: "MapRange", domain: 7, virtStart: first, virtEnd: first + PAGE - 1n, physStart, flags }) as const;
  const requests: readonly VirtioIommuCommand[] = [
    attach(7, 8),
    attach(7, 16),
    attach(9, 24, ATTACH_BYPASS),
    map(0n, 0x5000n, 3),
    map(0x8000n, 0x9000n, 1),
  ];
  for (const request of requests) assert.is(there.ask(request).errno, null);
  return there.state;
}

function picture(state: ContextState): unknown {
  const spaces = state.liveSpaces;
  return {
    spaces: spaces.map(({ areas, reservations }) => [
      [...areas.all()].map(({ iova, last, prot, source: from }) => [hex(iova), hex(last), prot, from]),
      reservations.map(({ owner }) => owner),
    ]),
    attached: [...state.attachments.values()].map(({ device, ioas }) => [
      device,
      spaces.findIndex(({ handle }) => handle === ioas),
    ]),
  };
}

for (const implementation of IMPLEMENTATIONS)
  test(`${implementation}: the same domains, nothing twice; refused anywhere, the device is as before`, () => {
    const wanted = picture(source(implementation));
    const plan = planOf(source(implementation), { profile });
    assert.equal(
      plan.steps.map(({ op }) => op),
      ["attach", "attach", "attach", "map", "map"],
    );
    for (let part = 0; part <= plan.steps.length; part++)
      for (let at = part; at <= plan.steps.length; at++) {
        const there = new VirtioDestination({ environment: environment(implementation) });
        applyPlan({ ...plan, steps: plan.steps.slice(0, part) }, there);
        const before = picture(there.state);
        assert.is(applyPlan({ ...plan, steps: plan.steps.toSpliced(at, 0, BAD) }, there).refusal?.at, at);
        assert.equal(picture(there.state), before, `part ${part}, refused at ${at}`);
        assert.equal(applyPlan(plan, there), { made: plan.steps.length - part, there: part, refusal: null });
        assert.equal(picture(there.state), wanted);
        assert.equal(applyPlan(plan, there), { made: 0, there: plan.steps.length, refusal: null });
      }
  });

test("a bypass domain is attached as one; an endpoint that is not there is refused", () => {
  const plan = planOf(source("qemu"), { profile });
  assert.equal(
    plan.steps.map((step) => callOf(step, profile)["flags"]),
    [undefined, undefined, ["VIRTIO_IOMMU_ATTACH_F_BYPASS"], undefined, undefined],
  );
  const there = new VirtioDestination({ environment: environment("qemu", [8]) });
  assert.is(applyPlan(plan, there).refusal?.errno, "ENOENT");
  assert.equal(there.state.liveSpaces, []);
  assert.is(applyPlan({ ...plan, dialect: "vfio-type1" }, there).refusal?.errno, "ENOTTY");
});

test.run();
