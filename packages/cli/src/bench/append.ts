/** Appends of a guest's events to a journal on the disk, durable, beside event stores and the bare disk. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { assert, type EventBatch } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import { type Bench, beside, type Missing, type Peer } from "./measure.ts";
import { type EmmettStores, emmettEvents, emmettInMemory, emmettOnSqlite, type JsonEvent } from "./peers/emmett.ts";
import { isMissing } from "./peers/installed.ts";
import type { Setting } from "./row.ts";
import type { Scratch } from "./scratch.ts";
import { remove } from "./scratch.ts";
import { BATCH_ROWS, churnBatches } from "./workload/batches.ts";
import { Churn, churnText } from "./workload/churn.ts";
import { appendAll, GUEST, spaceMade } from "./workload/history.ts";

const LIVE = 100_000;
/** What one run of Emmett appends, and how many of it at a time: 2,500 were slower, and so were 100. */
const EMMETT_EVENTS = 20_000;
const EMMETT_ROWS = 1_000;
/** Blocks of the journal's that one write of the bare disk takes. */
const BLOCKS_PER_SYNC = 8;

export async function appendBenches({ scratch }: Setting, events: number): Promise<Bench[]> {
  const batches = [...churnBatches(new Churn(LIVE), 2, events)];
  const blocks: Uint8Array[] = [];
  await appended(scratch, batches, blocks);
  const bench = {
    name: `durable append of ${events.toLocaleString("en")} events in batches of ${BATCH_ROWS}`,
    unit: "events/s",
    workload: churnText(LIVE),
    subject: { run: () => appended(scratch, batches) },
  };
  const first = batches[0];
  assert(first !== undefined, "there are events");
  const json = emmettEvents(first)
    .concat(...batches.slice(1, 3).map(emmettEvents))
    .slice(0, EMMETT_EVENTS);
  const emmett = (name: string, stores: EmmettStores | Missing): Peer | Missing =>
    isMissing(stores)
      ? stores
      : { name: `${name}, batches of ${EMMETT_ROWS}`, run: () => appendedTo(scratch, stores, json) };
  const disk: Peer = {
    name: "the bytes of the same blocks written and fdatasync",
    run: () => written(scratch, blocks, events),
  };
  return [
    ...beside(
      {
        ...bench,
        target: [
          { of: "value", atLeast: 1_000_000 },
          { of: "ratio", atLeast: 20 },
        ],
      },
      [emmett("Emmett on SQLite", await emmettOnSqlite())],
    ),
    ...beside(bench, [emmett("Emmett in memory, not durable", await emmettInMemory()), disk]),
  ];
}

/** @param kept where the blocks that came of it go */
async function appended(scratch: Scratch, batches: readonly EventBatch[], kept?: Uint8Array[]): Promise<number> {
  const directory = scratch.fresh();
  const journal = await openSegmentJournal(directory, { host: os.hostname() });
  try {
    await journal.create(GUEST, "iommufd");
    await journal.append(GUEST, spaceMade());
    const from = performance.now();
    await appendAll(journal, batches);
    const seconds = (performance.now() - from) / 1000;
    if (kept !== undefined) for (const block of journal.blocks(GUEST)) kept.push(block.bytes().slice());
    return (batches.at(-1)?.lastVersion ?? 0) / seconds;
  } finally {
    await journal.close();
    remove(directory);
  }
}

async function appendedTo(scratch: Scratch, stores: EmmettStores, events: readonly JsonEvent[]): Promise<number> {
  const folder = scratch.fresh();
  const store = await stores(folder);
  const from = performance.now();
  await store.append(events, EMMETT_ROWS);
  const seconds = (performance.now() - from) / 1000;
  remove(folder);
  return events.length / seconds;
}

function written(scratch: Scratch, blocks: readonly Uint8Array[], events: number): number {
  const folder = scratch.fresh();
  const file = openSync(path.join(folder, "blocks"), "w");
  const from = performance.now();
  for (const [i, block] of blocks.entries()) {
    writeSync(file, block);
    if (i % BLOCKS_PER_SYNC === BLOCKS_PER_SYNC - 1 || i === blocks.length - 1) fdatasyncSync(file);
  }
  const seconds = (performance.now() - from) / 1000;
  closeSync(file);
  remove(folder);
  return events / seconds;
}
