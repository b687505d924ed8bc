/** Workloads are the same for the same seed, and never contradict themselves. */
import { applyBatch, ContextState, type EventBatch, TYPE_MAPPED, TYPE_UNMAPPED } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { churnBatches, eventBatches } from "./batches.ts";
import { bootOfLargeGuest } from "./boot.ts";
import { burstsOfHugePages } from "./burst.ts";
import { Churn } from "./churn.ts";
import { pageAddresses } from "./pages.ts";

const EVENTS = 20_000;
const LIVE = 500;

const test = suite("workloads");

const WORKLOADS: Readonly<Record<string, () => Iterable<EventBatch>>> = {
  "churn, dense": () => churnBatches(new Churn(LIVE), 1, EVENTS),
  "churn, sparse": () => churnBatches(new Churn(LIVE, "sparse"), 1, EVENTS),
  "boot of a large guest": () => eventBatches(bootOfLargeGuest(EVENTS)),
  "bursts of hugepages": () => eventBatches(burstsOfHugePages(EVENTS)),
};

for (const [name, batches] of Object.entries(WORKLOADS)) {
  test(`${name}: maps what is free, unmaps what one map made`, () => {
    const mapped = new Map<bigint, bigint>();
    let versions = 0;
    for (const { length, type, iova, last, value } of batches())
      for (let row = 0; row < length; row++) {
        versions++;
        const [first, end] = [iova[row] as bigint, last[row] as bigint];
        if (type[row] === TYPE_MAPPED) {
          assert.not(mapped.has(first), `version ${versions} maps what is mapped`);
          mapped.set(first, end);
        } else if (type[row] === TYPE_UNMAPPED) {
          assert.is(mapped.get(first), end, `version ${versions}`);
          assert.is(value[row], end - first + 1n);
          mapped.delete(first);
        }
      }
    assert.ok(versions >= EVENTS, `${versions} events`);
    assert.equal(
      areas(batches()),
      [...mapped].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
  });

  test(`${name}: the same again`, () => {
    const columns = (): bigint[] => [...batches()].flatMap(({ iova }) => [...iova]);
    assert.equal(columns(), columns());
  });
}

/** What the model makes of them: conflicts would show as areas that are missing or cut. */
function areas(batches: Iterable<EventBatch>): (readonly [bigint, bigint])[] {
  const state = new ContextState();
  for (const batch of batches) applyBatch(state, batch);
  return state.liveSpaces.flatMap((space) => Array.from(space.areas.all(), ({ iova, last }) => [iova, last] as const));
}

test("a churn keeps so many pages live, once it has mapped them", () => {
  const churn = new Churn(LIVE);
  let live = 0;
  for (let i = 0; i < EVENTS; i++) {
    churn.step();
    live += churn.isMap ? 1 : -1;
    assert.ok(i < LIVE ? churn.isMap : live === LIVE || live === LIVE - 1);
  }
});

test("scattered pages are as many different ones, within 48 bits", () => {
  const addresses = pageAddresses(100_000, "sparse");
  assert.is(new Set(addresses).size, addresses.length);
  assert.ok(addresses.every((address) => address < 1n << 48n && address % 0x1000n === 0n));
});

test.run();
