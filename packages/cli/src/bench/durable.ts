/** What a live context costs beside the disk: one durable command alone, and its opening at any length of history. */
import { closeSync, fdatasyncSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { contextCreated, hex, type JsonObject, loadModel, type Model } from "@ioasis/core";
import { createContext, Engine, type Journal, openSegmentJournal } from "@ioasis/store";
import { type Bench, median } from "./measure.ts";
import type { Setting } from "./row.ts";
import { remove, type Scratch } from "./scratch.ts";

const NAME = "bench";
const COMMANDS = 500;
/** The first compile what the others run. */
const WARM_COMMANDS = 500;
const LIVE = 16_384;
const GROUP = 1_024;
const HISTORIES = [100_000, 1_000_000];
const MICROSECONDS_PER_MS = 1_000;
/** About what the frame of one command has. */
const BARE_BYTES = 256;
const PAGE = 0x1000n;
const ALLOC: JsonObject = { command: "AllocIoas" };

export function durableBenches({ scratch }: Setting): readonly Bench[] {
  return [commandBench(scratch), ...HISTORIES.map((events) => openingBench(scratch, events))];
}

/** Page after page, each mapped if it is free and else unmapped. */
function churn(i: number): JsonObject {
  const at = { ioas: "ioas0", iova: hex(BigInt(i % LIVE) * PAGE), length: hex(PAGE) };
  const isMap = Math.floor(i / LIVE) % 2 === 0;
  return isMap ? { command: "MapIova", prot: "rw", userVa: "0x10000", ...at } : { command: "UnmapIova", ...at };
}

async function inFolder<T>(scratch: Scratch, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = scratch.fresh();
  try {
    return await use(folder);
  } finally {
    remove(folder);
  }
}

async function made(folder: string): Promise<Journal> {
  const journal = await openSegmentJournal(path.join(folder, "journal"), { host: "bench" });
  const request = { profile: "iommufd", kernel: "6.12", policy: null, layout: null, hosts: [], machine: null } as const;
  await createContext(journal, NAME, contextCreated(request));
  return journal;
}

/** Command and bare append take turns, so that both see the same disk; each figure is the median of a run. */
function commandBench(scratch: Scratch): Bench {
  let bare = 0;
  return {
    name: "one durable command, alone",
    unit: "µs",
    workload: "MapIova and UnmapIova of one page, one after the other",
    target: [{ of: "ratio", atMost: 1.5 }],
    subject: {
      run: () =>
        inFolder(scratch, async (folder) => {
          const journal = await made(folder);
          const engine = Engine.open(journal, NAME);
          await engine.execute([ALLOC]);
          for (let i = 0; i < WARM_COMMANDS; i++) await engine.execute([churn(i)]);
          const file = openSync(path.join(folder, "bare"), "w");
          const frame = new Uint8Array(BARE_BYTES);
          const [commands, appends]: [number[], number[]] = [[], []];
          for (let i = 0; i < COMMANDS; i++) {
            const from = performance.now();
            await engine.execute([churn(WARM_COMMANDS + i)]);
            const between = performance.now();
            writeSync(file, frame);
            fdatasyncSync(file);
            commands.push(between - from);
            appends.push(performance.now() - between);
          }
          closeSync(file);
          await journal.close();
          bare = median(appends) * MICROSECONDS_PER_MS;
          return median(commands) * MICROSECONDS_PER_MS;
        }),
    },
    peer: { name: "bare append+fdatasync", run: () => bare },
  };
}

/** The journal is open; the engine that made the history was killed behind the last model that it saved. */
function openingBench(scratch: Scratch, events: number): Bench {
  let grown: Promise<Journal> | null = null;
  const timed = async (open: (journal: Journal) => void): Promise<number> => {
    grown ??= grow(scratch.fresh(), events);
    const journal = await grown;
    const from = performance.now();
    open(journal);
    return performance.now() - from;
  };
  return {
    name: `open of a live context to its first answer, ${events} events`,
    unit: "ms",
    subject: { run: () => timed((journal) => ask(Engine.open(journal, NAME).model)) },
    peer: { name: "folding the whole history", run: () => timed((journal) => ask(loadModel(journal.batches(NAME)))) },
  };
}

/** A journal with a context of so many events. */
async function grow(folder: string, events: number): Promise<Journal> {
  const journal = await made(folder);
  const engine = Engine.open(journal, NAME);
  await engine.execute([ALLOC]);
  for (let i = 0; i < events; i += GROUP)
    await engine.execute(Array.from({ length: Math.min(GROUP, events - i) }, (_, k) => churn(i + k)));
  return journal;
}

function ask(model: Model): void {
  const { errno, rule } = model.execute(model.commandOf({ command: "QueryIovaRanges", ioas: "ioas0", slots: 1 }));
  if (errno !== null) throw new Error(`QueryIovaRanges: ${errno} (${rule})`);
}
