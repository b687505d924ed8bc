/** Replay of map and unmap events into live state, conflict checks included, at 100,000 live mappings. */
import { applyBatch, ContextState, EventBatch, type Iova } from "@ioasis/core";
import SortedBTree from "sorted-btree";
import type { Bench } from "./measure.ts";

const LIVE = 100_000;
const EVENTS = 2_000_000;
const BATCH_ROWS = 4_096;
const PAGE = 0x1000n;
// The package is CommonJS: under Node's ESM its class is one level deeper.
const BTree = SortedBTree.default;

/** Churn: fill to LIVE pages in random order, then unmap one and map another, again and again. */
function churn(): EventBatch[] {
  let seed = 42;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const free = Array.from({ length: LIVE * 2 }, (_, page) => page);
  const live: number[] = [];
  const batches: EventBatch[] = [];
  const envelope = { stamp: null, actor: null, errno: null, line: 0 };
  let batch = new EventBatch(1, 1, BATCH_ROWS);
  for (let version = 1; version <= EVENTS; version++) {
    if (batch.isFull) {
      batches.push(batch);
      batch = new EventBatch(1, version, BATCH_ROWS);
    }
    const from = live.length < LIVE ? free : live;
    const at = random(from.length);
    const page = from[at] as number;
    from[at] = from.at(-1) as number;
    from.pop();
    (from === free ? live : free).push(page);
    const iova = (BigInt(page) * PAGE) as Iova;
    const last = (iova + PAGE - 1n) as Iova;
    if (from === free)
      batch.push({ type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: iova } }, envelope);
    else batch.push({ type: "IovaUnmapped", ioas: 0, iova, last, bytes: PAGE as never }, envelope);
  }
  batches.push(batch);
  return batches;
}

export function replayBench(): Bench {
  const batches = churn();
  const perSecond = (run: () => void): number => {
    const from = performance.now();
    run();
    return EVENTS / ((performance.now() - from) / 1000);
  };
  return {
    name: "replay, 100 k live, conflict checks, exact 64-bit",
    unit: "events/s",
    subject: {
      run: () =>
        perSecond(() => {
          const state = new ContextState();
          for (const batch of batches) applyBatch(state, batch);
        }),
    },
    peer: {
      name: "sorted-btree with bigint keys",
      run: () =>
        perSecond(() => {
          const tree = new BTree<bigint, bigint>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
          for (const batch of batches)
            for (let row = 0; row < batch.length; row++) {
              const iova = batch.iova[row] as bigint;
              if (batch.type[row] !== 0) tree.delete(iova);
              else if ((tree.getPairOrNextLower(iova)?.[1] ?? -1n) < iova) tree.set(iova, batch.last[row] as bigint);
            }
        }),
    },
  };
}
