/** `applyWhileRight` beside `applyBatch` and `driftOf`: the same state, and no contradiction passed over. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ByteLength, Iova } from "./address.ts";
import { driftOf } from "./drift.ts";
import { EventBatch } from "./event-batch.ts";
import { eventAt } from "./event-row.ts";
import { applyBatch, applyWhileRight } from "./evolve.ts";
import { UNKNOWN_SOURCE } from "./source.ts";
import { ContextState } from "./state.ts";

const test = suite("applyWhileRight");

const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };
const ROWS = 3_000;

function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Mostly a valid history of pages; now and then one that maps over, unmaps nothing, a part, or other bytes than it says. */
function batchOf(seed: number, base: bigint): EventBatch {
  const random = seeded(seed);
  const batch = new EventBatch(1, 1, ROWS);
  const mapped = new Set<number>();
  for (let i = 0; i < ROWS; i++) {
    const page = random(64);
    const isOdd = random(20) === 0;
    const iova = (base + (BigInt(page) << 12n)) as Iova;
    const last = (iova + (isOdd ? BigInt(random(0x3000)) : 0xfffn)) as Iova;
    const ioas = random(200) === 0 ? 1 : 0;
    if (random(300) === 0) batch.push({ type: "BookmarkSet", name: `b${i}` }, NO_ENVELOPE);
    else if (random(250) === 0)
      batch.push(
        { type: "UnmapRefused", ioas, iova, length: 0x1000n as ByteLength },
        { ...NO_ENVELOPE, errno: "ENOENT" },
      );
    else if (mapped.has(page) !== isOdd) {
      mapped.delete(page);
      const bytes = (random(25) === 0 ? 0x800n : last - iova + 1n) as ByteLength;
      batch.push({ type: "IovaUnmapped", ioas, iova, last, bytes }, NO_ENVELOPE);
    } else {
      mapped.add(page);
      batch.push({ type: "IovaMapped", ioas, iova, last, prot: "rw", source: UNKNOWN_SOURCE }, NO_ENVELOPE);
    }
  }
  return batch;
}

const areasOf = (state: ContextState) => state.spaces.map(({ areas, known }) => [[...areas.all()], known.ranges()]);

for (const base of [0n, 0xffff_f000n, 0xffff_ffff_fff0_0000n])
  test(`random histories at 0x${base.toString(16)}`, () => {
    for (let seed = 1; seed <= 8; seed++) {
      const batch = batchOf(seed, base);
      const [asked, plain] = [new ContextState(), new ContextState()];
      let stops = 0;
      for (let row = 0; row < batch.length; ) {
        const stopped = applyWhileRight(asked, batch, row, batch.length);
        for (; row < stopped; row++) {
          assert.is(driftOf(plain, eventAt(batch, row), null, "kernel-trace"), null, `row ${row} of seed ${seed}`);
          applyBatch(plain, batch, row, row + 1);
        }
        assert.is(asked.version, stopped);
        if (row === batch.length) break;
        stops++;
        applyBatch(asked, batch, row, row + 1);
        applyBatch(plain, batch, row, row + 1);
        row++;
      }
      // The highest addresses are never taken for right at a glance.
      assert.ok(stops > 50 && (stops < batch.length / 2 || base > 1n << 62n), `${stops} stops`);
      assert.equal(areasOf(asked), areasOf(plain));
    }
  });

test.run();
