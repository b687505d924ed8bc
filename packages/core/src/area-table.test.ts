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

test.run();
