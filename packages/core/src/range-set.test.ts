import { suite } from "uvu";
import * as assert from "uvu/assert";
import { RangeSet } from "./range-set.ts";

const test = suite("RangeSet");

test("agrees with a set of bytes", () => {
  let seed = 7;
  const random = (below: number) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % below;
  const set = new RangeSet();
  const bytes = new Set<number>();
  for (let step = 0; step < 300; step++) {
    const first = random(400);
    const last = first + random(6);
    for (let byte = first; byte <= last; byte++) bytes.add(byte);
    set.add(BigInt(first), BigInt(last));
    const from = random(400);
    const to = from + random(10);
    let isCovered = true;
    for (let byte = from; byte <= to; byte++) isCovered &&= bytes.has(byte);
    assert.is(set.covers(BigInt(from), BigInt(to)), isCovered);
  }
  const ranges = set.ranges();
  assert.is(
    ranges.reduce((sum, { first, last }) => sum + Number(last - first) + 1, 0),
    bytes.size,
  );
  for (let i = 1; i < ranges.length; i++)
    assert.ok((ranges[i]?.first ?? 0n) > (ranges[i - 1]?.last ?? 0n) + 1n, "ranges that touch are joined");
});

test("holds both ends of the space", () => {
  const set = new RangeSet();
  const top = (1n << 64n) - 1n;
  set.add(0n, 0n);
  set.add(top, top);
  set.add(1n, top - 1n);
  assert.equal(set.ranges(), [{ first: 0n, last: top }]);
});

test.run();
