/** Replay of map and unmap events into live state, conflict checks included, beside native code and ordered trees. */
import { applyBatch, ContextState, type EventBatch } from "@ioasis/core";
import { type Bench, beside, type Missing, type Peer } from "./measure.ts";
import { isMissing } from "./peers/installed.ts";
import { intervalTrees } from "./peers/interval-tree.ts";
import { rustReplay } from "./peers/rust.ts";
import { applyToTree, sortedTrees } from "./peers/sorted-btree.ts";
import type { Setting } from "./row.ts";
import { churnBatches } from "./workload/batches.ts";
import { Churn, churnText } from "./workload/churn.ts";

/** The size that the target speaks of, and its events. */
const TARGET_LIVE = 100_000;
const TARGET_EVENTS = 2_000_000;
/** Other sizes make do with fewer, so that a run is not long: so many a live mapping, but at most ... */
const ROUNDS = 1_000;
const OTHER_EVENTS = 1_000_000;
/** The interval tree is so slow that it gets no more than these. */
const INTERVAL_TREE_EVENTS_MAX = 100_000;
/** Of the peers that take seconds. */
const SLOW_RUNS_MAX = 3;

export async function replayBenches(setting: Setting, live: number): Promise<Bench[]> {
  const batches = [...churnBatches(new Churn(live), 1, eventsAt(live))];
  const bench = {
    name: `replay, ${live.toLocaleString("en")} live, conflict checks, exact 64-bit`,
    unit: "events/s",
    workload: churnText(live),
    subject: { run: () => replayed(batches) },
  };
  const target = (atLeast: number) => (live === TARGET_LIVE ? { target: [{ of: "ratio", atLeast }] as const } : {});
  return [
    ...beside({ ...bench, ...target(1.25) }, [rustPeer(setting, batches)]),
    ...beside({ ...bench, ...target(8), runsMax: SLOW_RUNS_MAX }, [await sortedTreePeer(batches)]),
    ...beside({ ...bench, runsMax: SLOW_RUNS_MAX }, [await intervalTreePeer(batches)]),
  ];
}

/** At least so many that everything is mapped, and as many come after. */
function eventsAt(live: number): number {
  const events = live === TARGET_LIVE ? TARGET_EVENTS : Math.min(OTHER_EVENTS, live * ROUNDS);
  return Math.max(events, live * 2);
}

export function replayed(batches: readonly EventBatch[]): number {
  const state = new ContextState();
  // Its creation is in the history: what the history does not speak of was never mapped, and need not be kept apart.
  state.space(0).isWhole = true;
  return eventsPerSecond(batches, (batch) => applyBatch(state, batch));
}

function rustPeer(setting: Setting, batches: readonly EventBatch[]): Peer | Missing {
  const replay = rustReplay(setting);
  return isMissing(replay) ? replay : { name: "Rust, BTreeMap<u64, (u64, u64)>", run: replay(batches) };
}

export async function sortedTreePeer(batches: readonly EventBatch[]): Promise<Peer | Missing> {
  const trees = await sortedTrees();
  if (isMissing(trees)) return trees;
  return {
    name: "sorted-btree with bigint keys",
    run() {
      const tree = trees();
      return eventsPerSecond(batches, (batch) => applyToTree(tree, batch));
    },
  };
}

async function intervalTreePeer(batches: readonly EventBatch[]): Promise<Peer | Missing> {
  const trees = await intervalTrees();
  if (isMissing(trees)) return trees;
  const few: EventBatch[] = [];
  for (
    let events = 0, i = 0;
    events < INTERVAL_TREE_EVENTS_MAX && i < batches.length;
    events += few.at(-1)?.length ?? 0
  )
    few.push(batches[i++] as EventBatch);
  return {
    name: `@flatten-js/interval-tree with bigint, the first ${INTERVAL_TREE_EVENTS_MAX.toLocaleString("en")} events`,
    run: () => eventsPerSecond(few, trees()),
  };
}

function eventsPerSecond(batches: readonly EventBatch[], take: (batch: EventBatch) => void): number {
  let events = 0;
  const from = performance.now();
  for (const batch of batches) {
    take(batch);
    events += batch.length;
  }
  return events / ((performance.now() - from) / 1000);
}
