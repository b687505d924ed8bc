import { suite } from "uvu";
import * as assert from "uvu/assert";
import { byteLength, iova } from "./address.ts";
import { applies, driftOf } from "./drift.ts";
import type { Errno } from "./errno.ts";
import { EventBatch } from "./event-batch.ts";
import type { IoasEvent } from "./events.ts";
import { applyBatch } from "./evolve.ts";
import type { ProfileName } from "./fact.ts";
import { UNKNOWN_SOURCE } from "./source.ts";
import { ContextState } from "./state.ts";

const test = suite("drift");
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

const map = (first: bigint, last: bigint): IoasEvent => ({
  type: "IovaMapped",
  ioas: 0,
  iova: iova(first),
  last: iova(last),
  prot: "rw",
  source: UNKNOWN_SOURCE,
});
const unmap = (first: bigint, last: bigint, bytes = last - first + 1n): IoasEvent => ({
  type: "IovaUnmapped",
  ioas: 0,
  iova: iova(first),
  last: iova(last),
  bytes: byteLength(bytes),
});
const mapRefused = (first: bigint, length: bigint): IoasEvent => ({
  type: "MapRefused",
  ioas: 0,
  iova: iova(first),
  length: byteLength(length),
  prot: "rw",
  source: UNKNOWN_SOURCE,
});
const unmapRefused = (first: bigint, length: bigint): IoasEvent => ({
  type: "UnmapRefused",
  ioas: 0,
  iova: iova(first),
  length: byteLength(length),
});

/** [0x1000, 0x2fff] and [0x4000, 0x4fff] are mapped, [0x8000, 0x8fff] was and is no more. */
function stateOf(isWhole: boolean): ContextState {
  const state = new ContextState();
  const events = [map(0x1000n, 0x2fffn), map(0x4000n, 0x4fffn), map(0x8000n, 0x8fffn), unmap(0x8000n, 0x8fffn)];
  if (isWhole) events.unshift({ type: "IoasAllocated", ioas: 0, kernelId: 1 });
  const batch = new EventBatch(1, 1, events.length);
  for (const event of events) batch.push(event, NO_ENVELOPE);
  applyBatch(state, batch);
  return state;
}

type Row = readonly [
  profile: ProfileName,
  event: IoasEvent,
  errno: Errno | null,
  whole: string | null,
  part: string | null,
];

/** The rule that the fact breaks in a space known from its creation, and in one that the recording came late to. */
const TABLE: readonly Row[] = [
  ["iommufd", map(0x3000n, 0x3fffn), null, null, null],
  ["iommufd", map(0x2fffn, 0x3fffn), null, "map-over-mapped", "map-over-mapped"],
  ["vfio-type1v2", map(0x0n, 0x1000n), null, "map-over-mapped", "map-over-mapped"],
  ["virtio-iommu", map(0x4000n, 0x4fffn), null, "map-over-mapped", "map-over-mapped"],
  ["vfio-user", map(0x4000n, 0x4fffn), null, "map-over-mapped", "map-over-mapped"],
  ["kernel-trace", map(0x4000n, 0x4fffn), null, "spaces-mixed", "spaces-mixed"],
  ["spapr-tce-v2", map(0x4000n, 0x4fffn), null, null, null],
  ["unknown", map(0x4000n, 0x4fffn), null, null, null],
  ["iommufd", unmap(0x1000n, 0x2fffn), null, null, null],
  ["iommufd", unmap(0x0n, 0x5fffn, 0x3000n), null, null, null],
  ["iommufd", unmap(0x8000n, 0x8fffn), null, "unmap-of-nothing", "unmap-of-nothing"],
  ["iommufd", unmap(0x9000n, 0x9fffn), null, "unmap-of-nothing", null],
  ["iommufd", unmap(0x9000n, 0x9fffn, 0n), null, "unmap-of-nothing", null],
  ["vfio-type1v2", unmap(0x9000n, 0x9fffn, 0n), null, null, null],
  ["virtio-iommu", unmap(0x8000n, 0x8fffn, 0n), null, null, null],
  ["kernel-trace", unmap(0x8000n, 0x8fffn), null, "spaces-mixed", "spaces-mixed"],
  ["spapr-tce-v2", unmap(0x8000n, 0x8fffn), null, null, null],
  ["vfio-type1v2", unmap(0x1000n, 0x4fffn, 0x4000n), null, "unmap-size", null],
  ["vfio-type1v2", unmap(0x1000n, 0x4fffn, 0x1000n), null, "unmap-size", "unmap-size"],
  ["vfio-type1v2", unmap(0x1000n, 0x2fffn, 0n), null, "unmap-size", "unmap-size"],
  ["iommufd", unmap(0x1000n, 0x1fffn), null, "unmap-cuts-mapping", "unmap-cuts-mapping"],
  ["virtio-iommu", unmap(0x2000n, 0x4fffn, 0x2000n), null, "unmap-cuts-mapping", "unmap-cuts-mapping"],
  ["kernel-trace", unmap(0x1000n, 0x1fffn), null, null, null],
  ["vfio-type1", unmap(0x1000n, 0x1fffn), null, null, null],
  // v1: vfio_dma_do_unmap stops at once at a mapping that begins below the range, and succeeds.
  ["vfio-type1", unmap(0x2000n, 0x4fffn, 0n), null, null, null],
  ["vfio-type1", unmap(0x1000n, 0x4fffn, 0n), null, "unmap-size", "unmap-size"],
  ["iommufd", mapRefused(0x8000n, 0x1000n), "EEXIST", "refused-but-free", "refused-but-free"],
  ["iommufd", mapRefused(0x9000n, 0x1000n), "EEXIST", "refused-but-free", null],
  ["iommufd", mapRefused(0x2000n, 0x1000n), "EEXIST", null, null],
  ["iommufd", mapRefused(0x8000n, 0x1000n), "EINVAL", null, null],
  ["virtio-iommu", mapRefused(0x8000n, 0x1000n), "EINVAL", null, null],
  ["iommufd", unmapRefused(0x1000n, 0x2000n), "ENOENT", "refused-but-mapped", "refused-but-mapped"],
  ["iommufd", unmapRefused(0x1000n, 0x4000n), "ENOENT", "refused-but-mapped", null],
  ["iommufd", unmapRefused(0x1000n, 0x1000n), "ENOENT", null, null],
  ["iommufd", unmapRefused(0x9000n, 0x1000n), "ENOENT", null, null],
  ["vfio-type1v2", unmapRefused(0x1000n, 0x2000n), "EINVAL", null, null],
];

for (const [profile, event, errno, whole, part] of TABLE) {
  const name = `${profile} ${event.type} ${JSON.stringify(event, (_, v) => (typeof v === "bigint" ? v.toString(16) : v))}`;
  test(`${name} ${errno ?? ""}`, () => {
    assert.is(driftOf(stateOf(true), event, errno, profile)?.rule ?? null, whole);
    assert.is(driftOf(stateOf(false), event, errno, profile)?.rule ?? null, part);
  });
}

test("a drift speaks to people", () => {
  assert.equal(driftOf(stateOf(true), map(0x2000n, 0x3fffn), null, "iommufd"), {
    rule: "map-over-mapped",
    expected: "EEXIST: [0x1000, 0x2fff] is mapped since version 2",
    observed: "mapped [0x2000, 0x3fff]",
  });
});

test("an unknown or destroyed space is not judged, and none is made", () => {
  const state = stateOf(true);
  assert.is(driftOf(state, { ...unmap(0n, 0xfffn), ioas: 3 } as IoasEvent, null, "iommufd"), null);
  assert.is(state.spaces.length, 1);
});

test("applies tells what contradicts from what nobody can know", () => {
  assert.is(applies(stateOf(true), unmap(0x1000n, 0x2fffn), "virtio-iommu"), "holds");
  assert.is(applies(stateOf(true), unmap(0x9000n, 0x9fffn), "virtio-iommu"), "contradicts");
  assert.is(applies(stateOf(false), unmap(0x9000n, 0x9fffn), "virtio-iommu"), "unknown-before");
  assert.is(applies(new ContextState(), unmap(0x9000n, 0x9fffn), "virtio-iommu"), "unknown-before");
  assert.is(applies(stateOf(true), map(0x1000n, 0x1fffn), "virtio-iommu"), "contradicts");
  assert.is(applies(stateOf(true), mapRefused(0x8000n, 0x1000n), "iommufd"), "holds");
});

test("lost events end what was known: nothing is said of what they may have changed", () => {
  const lose = (state: ContextState, ongoing: boolean): ContextState => {
    const batch = new EventBatch(1, state.version + 1, 1);
    batch.push({ type: "EventsLost", count: 3, what: "trace events", ...(ongoing ? { ongoing } : {}) }, NO_ENVELOPE);
    applyBatch(state, batch);
    return state;
  };
  for (const event of [map(0x1000n, 0x1fffn), unmap(0x8000n, 0x8fffn), unmap(0x1000n, 0x4fffn, 0x1000n)]) {
    assert.ok(driftOf(stateOf(true), event, null, "vfio-type1v2") !== null);
    assert.is(driftOf(lose(stateOf(true), false), event, null, "vfio-type1v2"), null);
  }
  const after = (ongoing: boolean): ContextState => {
    const state = lose(stateOf(true), ongoing);
    const batch = new EventBatch(1, state.version + 1, 1);
    batch.push(map(0x10000n, 0x10fffn), NO_ENVELOPE);
    applyBatch(state, batch);
    return state;
  };
  assert.is(driftOf(after(false), map(0x10000n, 0x10fffn), null, "iommufd")?.rule, "map-over-mapped");
  assert.is(driftOf(after(true), map(0x10000n, 0x10fffn), null, "iommufd"), null);
});

test.run();
