import { type IoasEvent, parseDecimal } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainFault } from "./explain.ts";
import type { Fault } from "./fault.ts";
import { at, historyOfSteps, mapped, type Step, unmapped } from "./testing/small-history.ts";

const test = suite("Explain");

const allocated: IoasEvent = { type: "IoasAllocated", ioas: 0, kernelId: 1 };
const attached = (ioas: number | null): IoasEvent => ({
  type: "DeviceAttached",
  device: "0000:00:05.0",
  pasid: null,
  ioas,
  hwpt: null,
});

function fault(iova: number | null, when: string | null, rest: Partial<Fault> = {}): Fault {
  const [clock, seconds] = (when ?? "").split(" ");
  const reading = parseDecimal(seconds ?? "");
  return {
    format: "dmar",
    device: "00:05.0",
    pasid: null,
    iova: iova === null ? null : at(iova),
    access: "write",
    reason: "",
    stamp: reading === null || clock === undefined ? null : { clock, ...reading },
    ...rest,
  };
}

async function explained(question: Fault, ...steps: readonly Step[]) {
  return explainFault(await historyOfSteps(...steps), "c", question);
}

test("a write to a read-only mapping is a matter of rights", async () => {
  const steps = [
    { event: allocated },
    { event: attached(0) },
    { event: mapped(0x1000, 0x1fff, "r"), at: "1.0", comm: "vmm" },
  ];
  const answer = await explained(fault(0x1000, "trace 2.0"), ...steps);
  assert.is(answer.verdict, "permission");
  assert.is(answer.by?.comm, "vmm");
  assert.is((await explained(fault(0x1000, "trace 2.0", { access: "read" }), ...steps)).verdict, "mapped");
});

test("unknown rights stay unknown", async () => {
  const answer = await explained(fault(0x1000, "trace 2.0", { reason: "PTE Write access is not set" }), {
    event: mapped(0x1000, 0x1fff, "unknown"),
    at: "1.0",
  });
  assert.is(answer.verdict, "mapped");
  assert.match(answer.evidence.join(" "), /rights of the mapping are unknown.*PTE Write access is not set.*read-only/);
});

test("DMAR tells the page, the others the byte", async () => {
  const steps = [{ event: mapped(0x1800, 0x18ff), at: "1.0" }];
  assert.is((await explained(fault(0x1000, "trace 2.0"), ...steps)).verdict, "mapped");
  assert.is((await explained(fault(0x1000, "trace 2.0", { format: "smmu-v3" }), ...steps)).verdict, "never-mapped");
});

test("what was reserved or is out of reach was never mapped for a reason", async () => {
  const reserved = (owner: string): Step => ({
    event: { type: "IovaReserved", ioas: 0, owner, iova: at(0xfee0_0000), last: at(0xfeef_ffff) },
    at: "1.0",
  });
  const question = fault(0xfee0_0000, "trace 2.0");
  assert.is((await explained(question, { event: allocated }, reserved("device:0000:00:05.0"))).verdict, "reserved");
  assert.is((await explained(question, { event: allocated }, reserved("hwpt:3"))).verdict, "beyond-aperture");
  const mgaw = fault(0x1000, "trace 2.0", { reason: "fault reason 0x04: Access beyond MGAW" });
  assert.is((await explained(mgaw, { event: mapped(0, 9), at: "1.0" })).verdict, "beyond-aperture");
  const never = await explained(fault(0x5000, "trace 2.0"), { event: allocated }, { event: mapped(0, 9), at: "1.0" });
  assert.is(never.verdict, "never-mapped");
  assert.not.match(never.uncertainty.join(" "), /before the recording/);
});

test("a detached device reaches nothing, whatever is mapped", async () => {
  const answer = await explained(
    fault(0x1000, "trace 4.0"),
    { event: allocated },
    { event: attached(0), at: "1.0" },
    { event: mapped(0x1000, 0x1fff), at: "2.0" },
    { event: { type: "DeviceDetached", device: "0000:00:05.0", pasid: null }, at: "3.0", comm: "vmm" },
  );
  assert.is(answer.verdict, "not-attached");
  assert.match(answer.evidence[0] ?? "", /detachment by vmm-7 at 3\.0 \(version 4\)/);
});

test("the end of a space ends its mappings, and an unmap without a map is unknown before", async () => {
  const destroyed = await explained(
    fault(0x1000, "trace 4.0"),
    { event: allocated },
    { event: mapped(0x1000, 0x1fff), at: "2.0" },
    { event: { type: "IoasDestroyed", ioas: 0 }, at: "3.5" },
  );
  assert.equal(
    [destroyed.verdict, destroyed.unmappedAt?.version, destroyed.mappedAt?.version, destroyed.gapSeconds],
    ["use-after-unmap", 3, 2, 0.5],
  );
  const before = await explained(fault(0x1000, "trace 4.0"), { event: unmapped(0x1000, 0x1fff), at: "3.0" });
  assert.equal([before.verdict, before.mappedAt, before.unmappedAt?.version], ["use-after-unmap", null, 1]);
  assert.match(before.evidence.join(" "), /not in the record/);
});

test("of a device in an unnamed space, what was unmapped before its attachment was another's", async () => {
  const steps = [
    { event: mapped(0x1000, 0x1fff), at: "1.0" },
    { event: unmapped(0x1000, 0x1fff), at: "2.0" },
    { event: attached(null), at: "3.0" },
  ];
  assert.is((await explained(fault(0x1000, "trace 4.0"), ...steps)).verdict, "never-mapped");
  assert.is((await explained(fault(0x1000, "trace 4.0", { device: "00:06.0" }), ...steps)).verdict, "use-after-unmap");
});

test("clocks that were joined say so, and that close events have no order", async () => {
  const answer = await explained(
    fault(0x1000, "dmesg 3.004"),
    { event: mapped(0x1000, 0x1fff), at: "1.0" },
    { event: unmapped(0x1000, 0x1fff), at: "3.000" },
    { event: mapped(0x1000, 0x1fff), at: "3.007" },
  );
  assert.equal([answer.verdict, answer.gapSeconds], ["use-after-unmap", 0.004]);
  const said = answer.uncertainty.join(" ");
  assert.match(said, /"dmesg" and "trace" were joined directly/);
  assert.match(said, /order is not certain/);
  assert.match(said, /mapped at 3\.007 \(version 3\), within 10 ms after/);
});

test("anchors join the wall clock; without one the end of the record is taken, and said", async () => {
  const anchor: Step = { event: { type: "ClockAnchored", clock: "boot", seconds: "100", realtime: "1000" } };
  const steps = [
    { event: mapped(0x1000, 0x1fff), at: "mono 101.0" },
    { event: unmapped(0x1000, 0x1fff), at: "mono 102.0" },
  ];
  const joined = await explained(fault(0x1000, "realtime 1001.500"), anchor, ...steps);
  assert.equal([joined.verdict, joined.version], ["mapped", 2]);
  const alone = await explained(fault(0x1000, "realtime 1001.500"), ...steps);
  assert.equal([alone.verdict, alone.version, alone.gapSeconds], ["use-after-unmap", 2, null]);
  assert.match(alone.uncertainty.join(" "), /cannot be placed.*end of the record/);
  assert.match((await explained(fault(0x1000, null), ...steps)).uncertainty.join(" "), /has no time/);
});

test("lost events and a missing address are told", async () => {
  const gap = await explained(
    fault(0x1000, "trace 4.0"),
    { event: mapped(0x1000, 0x1fff), at: "1.0" },
    { event: unmapped(0x1000, 0x1fff), at: "2.0" },
    { event: { type: "EventsLost", count: null, what: "ring overrun" }, at: "3.0" },
  );
  assert.match(gap.uncertainty.join(" "), /lost events once since that map/);
  const nothing = await explained(fault(null, "trace 4.0"), { event: mapped(0x1000, 0x1fff), at: "1.0" });
  assert.equal([nothing.verdict, nothing.area], [null, null]);
});

test.run();
