import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Iova } from "../address.ts";
import type { Range } from "../range.ts";
import { PinnedRanges } from "./pinned-ranges.ts";

const test = suite("PinnedRanges");

const BYTES = 64;

test("agrees with a count for each byte over random pins and unpins", () => {
  let seed = 7;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  const ranges = new PinnedRanges();
  const counts = new Array<number>(BYTES).fill(0);
  const pinned: Range[] = [];
  for (let step = 0; step < 20_000; step++) {
    const isPin = pinned.length === 0 || (pinned.length < 12 && random(2) === 0);
    const range = isPin ? rangeOf(random) : (pinned.splice(random(pinned.length), 1)[0] as Range);
    if (isPin) pinned.push(range);
    let changed = 0n;
    for (let at = Number(range.first); at <= Number(range.last); at++) {
      const before = counts[at] as number;
      counts[at] = before + (isPin ? 1 : -1);
      if ((before === 0) === isPin && (counts[at] === 0) !== isPin) changed++;
    }
    assert.is(isPin ? ranges.pin(range) : ranges.unpin(range), changed, `step ${step}`);
    assert.is(ranges.isEmpty, pinned.length === 0);
    const asked = rangeOf(random);
    const missing = new Set(ranges.missing(asked).flatMap(({ first, last }) => bytesOf(first, last)));
    assert.equal(
      [...missing],
      bytesOf(asked.first, asked.last).filter((at) => counts[at] === 0),
    );
  }
});

test("what was never pinned cannot be unpinned", () => {
  const ranges = new PinnedRanges();
  ranges.pin({ first: 0n as Iova, last: 9n as Iova });
  assert.throws(() => ranges.unpin({ first: 5n as Iova, last: 12n as Iova }), /pinned/);
});

function rangeOf(random: (below: number) => number): Range {
  const first = random(BYTES - 20);
  return { first: BigInt(first) as Iova, last: BigInt(first + random(20)) as Iova };
}

function bytesOf(first: bigint, last: bigint): number[] {
  return Array.from({ length: Number(last - first) + 1 }, (_, at) => Number(first) + at);
}

test.run();
