import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AreaTable } from "./area-table.ts";

const PAGE = 0x1000n;
const test = suite("AreaTable");

test("agrees with a page-by-page model over random maps and unmaps", () => {
  let seed = 12345;
  const random = (below: number) => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) % below;
  const table = new AreaTable();
  const pages = new Map<number, number>();
  for (let step = 1; step <= 20_000; step++) {
    const page = random(600);
    const count = 1 + random(random(4) === 0 ? 40 : 4);
    const first = BigInt(page) * PAGE;
    const last = BigInt(page + count) * PAGE - 1n;
    const live = Array.from({ length: count }, (_, i) => page + i).filter((p) => pages.has(p));
    assert.is(table.overlaps(first, last), live.length > 0);
    if (live.length === 0 && random(3) > 0) {
      table.insert(first, last, (1 << 2) | 3, first + 0x10000000n, -1, null, step);
      for (let p = page; p < page + count; p++) pages.set(p, step);
    } else {
      assert.is(table.remove(first, last), BigInt(live.length) * PAGE);
      for (const p of live) pages.delete(p);
    }
  }
  const seen = new Map<number, number>();
  let previous = -1n;
  let areas = 0;
  for (const area of table.all()) {
    areas++;
    assert.ok(area.iova > previous);
    previous = area.last;
    assert.equal(area.source, { kind: "va", va: area.iova + 0x10000000n });
    for (let at: bigint = area.iova; at < area.last; at += PAGE) seen.set(Number(at / PAGE), area.version);
  }
  assert.equal(
    [...seen].sort((a, b) => a[0] - b[0]),
    [...pages].sort((a, b) => a[0] - b[0]),
  );
  assert.is(areas, table.size);
});

test("holds the last byte of the space and cuts an area on both sides", () => {
  const table = new AreaTable();
  const top = (1n << 64n) - 1n;
  table.insert(0n, top, 3, 0n, -1, null, 1);
  assert.is(table.remove(0x1000n, 0x1fffn), 0x1000n);
  assert.equal(
    [...table.all()].map(({ iova, last }) => [iova, last] as bigint[]),
    [
      [0n, 0xfffn],
      [0x2000n, top],
    ],
  );
  assert.is(table.at(0x1800n), null);
  assert.is(table.below(0x1800n)?.last, 0xfffn);
  assert.is(table.above(0x1800n)?.iova, 0x2000n);
  assert.is(table.remove(0n, top), top + 1n - 0x1000n);
  assert.is(table.size, 0);
});

test("areas in order of address go behind the others, whatever holes there are", () => {
  const table = new AreaTable();
  const page = (at: number) => BigInt(at) * PAGE;
  const starts: number[] = [];
  for (let at = 0; at < 1_000; at++) {
    table.insert(page(at), page(at) + 0xfffn, 3, 0n, -1, null, at + 1);
    starts.push(at);
    // The one just mapped, the one before it, or one in the middle of the last chunk.
    const gone = at % 7 === 0 ? at : at % 11 === 0 ? at - 1 : at % 13 === 0 ? at - 20 : -1;
    if (!starts.includes(gone)) continue;
    assert.is(table.remove(page(gone), page(gone) + 0xfffn), PAGE);
    starts.splice(starts.indexOf(gone), 1);
  }
  assert.equal(
    table.list(0n, page(1_000)).map(({ iova }) => Number(iova / PAGE)),
    starts,
  );
});

/** The free ranges of `[first, last]`, gap by gap. */
function gapsOf(table: AreaTable, first: bigint, last: bigint): [bigint, bigint][] {
  const gaps: [bigint, bigint][] = [];
  let next = first;
  for (const area of table.in(first, last)) {
    if (area.iova > next) gaps.push([next, area.iova - 1n]);
    next = area.last + 1n;
  }
  if (next <= last) gaps.push([next, last]);
  return gaps;
}

test("the first free range is the one that a walk over all gaps finds, whatever was mapped and unmapped before", () => {
  let seed = 20261125;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  const table = new AreaTable();
  const pages = 4_000;
  let [found, none] = [0, 0];
  for (let step = 1; step <= 12_000; step++) {
    const first = BigInt(random(pages)) * PAGE + (random(4) === 0 ? BigInt(random(4)) * 0x400n : 0n);
    const last = first + BigInt(1 + random(random(8) === 0 ? 60 : 3)) * PAGE - 1n;
    // Fuller for a while, then emptier, so that searches meet crowded chunks and ones with new gaps.
    if (random(10) < (step % 4_000 < 3_000 ? 8 : 2)) {
      if (!table.overlaps(first, last)) table.insert(first, last, 3, 0n, -1, null, step);
    } else table.remove(first, last);
    if (step % 4 !== 0) continue;
    const length = BigInt(1 + random(random(3) === 0 ? 400 : 4)) * 0x400n;
    const alignment = random(3) === 0 ? 4n * PAGE : 0x400n;
    const fit = (from: bigint, to: bigint): bigint | null => {
      const at = (from + alignment - 1n) & -alignment;
      return at + length - 1n <= to ? at : null;
    };
    const from = BigInt(random(pages)) * PAGE * (random(2) === 0 ? 0n : 1n);
    const to = random(3) === 0 ? from + BigInt(random(40)) * PAGE : BigInt(pages + random(100)) * PAGE;
    const expected = gapsOf(table, from, to)
      .map(([start, end]) => fit(start, end))
      .find((at) => at !== null);
    assert.is(table.firstFree(from, to, length, fit), expected ?? null, `step ${step}`);
    if (expected === undefined) none++;
    else found++;
  }
  assert.ok(found > 1_000 && none > 100 && table.size > 300, `${found} found, ${none} not`);
});

test("the gap behind the last area reaches the end of the space", () => {
  const table = new AreaTable();
  const top = (1n << 64n) - 1n;
  table.insert(PAGE, 2n * PAGE - 1n, 3, 0n, -1, null, 1);
  const start = (from: bigint, to: bigint) => (to - from >= 2n * PAGE ? from : null);
  assert.is(table.firstFree(0n, top, 2n * PAGE, start), 2n * PAGE);
  table.insert(2n * PAGE, top, 3, 0n, -1, null, 2);
  assert.is(table.firstFree(0n, top, 2n * PAGE, start), null);
  table.remove(top - 4n * PAGE, top);
  assert.is(table.firstFree(0n, top, 2n * PAGE, start), top - 4n * PAGE);
  table.insert(0n, PAGE - 1n, 3, 0n, -1, null, 3);
  assert.is(table.firstFree(0n, top, 2n * PAGE, start), top - 4n * PAGE);
});

test.run();
