import { applyBatch, byteLength, ContextState, EventBatch, type IoasEvent, iova, UNKNOWN_SOURCE } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { partialUnmap } from "./partial-unmap.ts";

const test = suite("partial unmap");
const ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };
const mapped = (first: bigint, last: bigint): IoasEvent => ({
  type: "IovaMapped",
  ioas: 0,
  iova: iova(first),
  last: iova(last),
  prot: "rw",
  source: UNKNOWN_SOURCE,
});

/** Areas [1000,1fff] [2000,2fff] [4000,5fff]. */
function stateOf(isWhole: boolean): ContextState {
  const state = new ContextState();
  const events = [mapped(0x1000n, 0x1fffn), mapped(0x2000n, 0x2fffn), mapped(0x4000n, 0x5fffn)];
  if (isWhole) events.unshift({ type: "IoasAllocated", ioas: 0, kernelId: 1 });
  const batch = new EventBatch(1, 1, events.length);
  for (const event of events) batch.push(event, ENVELOPE);
  applyBatch(state, batch);
  return state;
}

const refused = (first: bigint, length: bigint): IoasEvent => ({
  type: "UnmapRefused",
  ioas: 0,
  iova: iova(first),
  length: byteLength(length),
});

test("the whole areas before the one that sticks out are gone (iopt_unmap_iova_range)", () => {
  const part = partialUnmap(stateOf(true), refused(0n, 0x5000n), { errno: "ENOENT", profile: "iommufd" });
  assert.equal(part, { type: "IovaUnmapped", ioas: 0, iova: 0x1000n, last: 0x2fffn, bytes: 0x2000n });
});

for (const [title, state, event, errno, profile] of [
  ["the first area sticks out", stateOf(true), refused(0x1800n, 0x5000n), "ENOENT", "iommufd"],
  ["nothing sticks out", stateOf(true), refused(0x1000n, 0x2000n), "ENOENT", "iommufd"],
  ["the space is not known whole", stateOf(false), refused(0n, 0x5000n), "ENOENT", "iommufd"],
  ["another errno", stateOf(true), refused(0n, 0x5000n), "EBUSY", "iommufd"],
  ["type1 checks before it removes", stateOf(true), refused(0n, 0x5000n), "ENOENT", "vfio-type1v2"],
] as const)
  test(`nothing is told where ${title}`, () => {
    assert.is(partialUnmap(state, event, { errno, profile }), null);
  });

test.run();
