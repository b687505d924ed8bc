import { byteLength, EventBatch, IoasisError, type Iova } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeBlock, encodeBlock } from "./block.ts";
import { findLinks, followLinks } from "./range-columns.ts";
import { halves } from "./row-classes.ts";
import { Dice } from "./testing/random-batch.ts";

const test = suite("links");
const PAGE = 4096n;
const HASH = "0".repeat(64);

/** [first page, pages, unmap?, space] a row. */
type Row = readonly [number, number, "map" | "unmap", number?];

function batchOf(rows: readonly Row[]): EventBatch {
  const batch = new EventBatch(1, 1, rows.length);
  const envelope = { stamp: null, actor: null, errno: null, line: 0 };
  for (const [page, pages, what, ioas = 0] of rows) {
    const iova = (BigInt(page) * PAGE) as Iova;
    const last = (iova + BigInt(pages) * PAGE - 1n) as Iova;
    if (what === "unmap")
      batch.push({ type: "IovaUnmapped", ioas, iova, last, bytes: byteLength(last - iova + 1n) }, envelope);
    else batch.push({ type: "IovaMapped", ioas, iova, last, prot: "rw", source: { kind: "unknown" } }, envelope);
  }
  return batch;
}

const linksOf = (...rows: Row[]) => [...findLinks(batchOf(rows))];

test("an unmap is told by steps from the newest gap, far ones by the age of their map", () => {
  const maps = Array.from({ length: 30 }, (_, i): Row => [i, 1, "map"]);
  const unmaps = (...pages: number[]) => linksOf(...maps, ...pages.map((page): Row => [page, 1, "unmap"])).slice(30);
  assert.equal(unmaps(0, 1, 2, 3), [1, 1, 1, 1]);
  assert.equal(unmaps(29, 28, 27), [2, 2, 2]);
  assert.equal(unmaps(0, 2, 1, 4), [1, 3, 2, 3]);
  assert.equal(unmaps(7, 8, 0), [15, 1, 14]);
  assert.equal(unmaps(15, 5), [16 + 15, 16 + 25]);
  assert.equal(unmaps(3, 3), [7, 0]);
  // Behind the newest is the oldest.
  assert.equal(unmaps(29, 0, 1), [2, 1, 1]);
});

test("a map takes from the pile of its length and space", () => {
  const freed: Row[] = [
    [10, 1, "unmap"],
    [20, 2, "unmap"],
    [30, 1, "unmap"],
    [40, 1, "unmap", 1],
  ];
  const maps = (...rows: Row[]) => linksOf(...freed, ...rows).slice(4);
  assert.equal(maps([30, 1, "map"], [10, 1, "map"], [10, 1, "map"]), [1, 1, 0]);
  assert.equal(maps([10, 1, "map"], [30, 1, "map"]), [2, 1]);
  assert.equal(maps([20, 2, "map"], [20, 1, "map"]), [1, 0]);
  assert.equal(maps([40, 1, "map"], [40, 1, "map", 1]), [0, 1]);
});

test("an unmap of anything but a whole map stands in the columns", () => {
  assert.equal(linksOf([1, 4, "map"], [1, 2, "unmap"], [3, 2, "unmap"], [9, 1, "unmap"]), [0, 0, 0, 0]);
});

/** A driver at random: rings, pools, orders, spaces, sizes up to the whole space. */
function traffic(dice: Dice, rows: number): EventBatch {
  const live: Row[] = [];
  const freed: Row[] = [];
  const all: Row[] = [];
  const end = () => dice.one([0, 0, 0, 1, 3, dice.below(40)]);
  while (all.length < rows) {
    const isMap = live.length === 0 || dice.below(live.length > 60 ? 4 : 2) === 0;
    const pool = isMap ? freed : live;
    const isKnown = pool.length > 0 && dice.below(20) > 0;
    const at = dice.flag() ? Math.max(0, pool.length - 1 - end()) : Math.min(pool.length - 1, end());
    const fresh: Row = [dice.below(1 << 20), dice.one([1, 1, 2, 16, 1 << 30]), "map", dice.below(2)];
    const [row = fresh] = isKnown ? pool.splice(at, 1) : [fresh];
    all.push([row[0], row[1], isMap ? "map" : "unmap", row[3] ?? 0]);
    (isMap ? live : freed).push(row);
  }
  return batchOf(all);
}

test("whatever the order of maps and unmaps, blocks give them back", () => {
  const dice = new Dice(41);
  for (const rows of [1, 2, 3, 63, 64, 65, 1000, 4096, 20_000]) {
    const batch = traffic(dice, rows);
    const header = { contextId: "c", epoch: 1, firstVersion: 1, count: rows, previous: "", digest: HASH, mark: null };
    const back = decodeBlock(encodeBlock(header, batch)).batch;
    for (const name of ["iova", "last", "value", "ioas", "type"] as const)
      for (let row = 0; row < rows; row++) assert.is(back[name][row], batch[name][row], `${name} of row ${row}`);
  }
});

test("most rows of such traffic are links, and links that lead nowhere are damage", () => {
  const dice = new Dice(42);
  const batch = traffic(dice, 3000);
  const links = findLinks(batch);
  assert.ok(links.filter((link) => link > 0).length > 2000);
  let refused = 0;
  for (let round = 0; round < 300; round++) {
    const broken = links.slice();
    broken[dice.below(3000)] = dice.one([1, 2, 15, 16, 17, 40, 4000, 70_000, 0xffff_ffff]);
    const copy = decodeBlock(
      encodeBlock(
        { contextId: "c", epoch: 1, firstVersion: 1, count: 3000, previous: "", digest: HASH, mark: null },
        batch,
      ),
    ).batch;
    // As the columns hold them: lengths for maps.
    const iova = halves(copy.iova);
    const last = halves(copy.last);
    for (let at = 0; at < last.length; at += 2) last[at] = ((last[at] as number) - (iova[at] as number) + 1) >>> 0;
    try {
      followLinks(copy, broken, 3000);
    } catch (error) {
      assert.ok(error instanceof IoasisError && error.code === "ERR_BLOCK", String(error));
      refused++;
    }
  }
  assert.ok(refused > 200, `${refused} of 300 refused`);
});

test.run();
