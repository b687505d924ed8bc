/** What a space of so many live mappings takes in memory, beside a sorted tree that keeps their ranges alone. */

import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { applyBatch, ContextState, type EventBatch } from "@ioasis/core";
import { type Bench, beside } from "./measure.ts";
import { isMissing } from "./peers/installed.ts";
import { applyToTree, sortedTrees } from "./peers/sorted-btree.ts";
import { churnBatches } from "./workload/batches.ts";
import { Churn, churnText } from "./workload/churn.ts";

const MIB = 1 << 20;
/** Buffers are given back beside the collection, some milliseconds behind it. */
const SETTLED_MS = 50;

export async function memoryBenches(live: number): Promise<Bench[]> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const batches = [...churnBatches(new Churn(live), 1, live)];
  const used = async (): Promise<number> => {
    for (let i = 0; i < 2; i++) {
      collect();
      await sleep(SETTLED_MS);
    }
    const { heapUsed, external } = process.memoryUsage();
    return (heapUsed + external) / MIB;
  };
  /** Of what `take` adds to, batch by batch. */
  const taken = async (made: object, take: (batch: EventBatch) => void): Promise<number> => {
    const before = await used();
    for (const batch of batches) take(batch);
    const after = await used();
    // A look at it after the last collection keeps it alive until then.
    return Object.keys(made).length < 0 ? 0 : after - before;
  };
  const trees = await sortedTrees();
  return beside(
    {
      name: `memory of ${live.toLocaleString("en")} live mappings, heap and buffers`,
      unit: "MiB",
      workload: churnText(live),
      target: [{ of: "value", atMost: 8 }],
      subject: {
        run() {
          const state = new ContextState();
          return taken(state, (batch) => applyBatch(state, batch));
        },
      },
    },
    [
      isMissing(trees)
        ? trees
        : {
            name: "sorted-btree with bigint keys, ranges alone",
            run() {
              const tree = trees();
              return taken(tree, (batch) => applyToTree(tree, batch));
            },
          },
    ],
  );
}
