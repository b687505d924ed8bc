/** Growth: what one append, replicated event, question or opening costs after histories of several lengths. */
import { constants, cpSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { stateAt } from "./at.ts";
import { countText } from "./count.ts";
import { type Bench, median } from "./measure.ts";
import { replicatedTo } from "./replicate.ts";
import type { Row, Setting } from "./row.ts";
import { remove, type Scratch } from "./scratch.ts";
import { askTask } from "./tasks.ts";
import { askedOnce } from "./who.ts";
import { churnBatches } from "./workload/batches.ts";
import { Churn, churnText } from "./workload/churn.ts";
import { appendAll, GUEST, history, openHistory } from "./workload/history.ts";
import { seededRandom } from "./workload/random.ts";

/** So few that the shortest history is past filling them: the length is all that differs. */
const LIVE = 4_096;
const SHORTEST = 10_000;
const APPENDED_EVENTS_MAX = 65_536;
const QUESTIONS = 200;
const MICROSECONDS_PER_MS = 1_000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** How long the history of one point is, and the longest of the curve. */
interface Length {
  readonly events: number;
  readonly longest: number;
}

type Cost = Omit<Bench, "name" | "peer">;
type CostOf = (setting: Setting, directory: string, length: Length) => Promise<Cost>;

/** A row a curve, its size the longest history. */
export const CURVES: readonly Row[] = [
  curve("append", "durable append of one more event, batched", appendCost),
  curve("replicate", "replication of one more event", replicateCost),
  curve("who", "who held a page at a version", whoCost),
  curve("at", "the whole state at a version", atCost),
  curve("open", "opening to the live state, cold process", openCost),
];

function curve(name: string, title: string, cost: CostOf): Row {
  return {
    id: `growth-${name}`,
    title: `${title}, by length of history`,
    goal: "never more than 1.2 × a shorter one",
    sizes: { of: "longest history", usual: [1e7], byName: [1e6, 1e8] },
    isCurve: true,
    async make(setting, longest) {
      const benches: Bench[] = [];
      for (const events of lengthsUpTo(longest)) {
        const directory = await history(setting, events, LIVE);
        const bench = await cost(setting, directory, { events, longest });
        benches.push({
          ...bench,
          name: `${name} after ${countText(events)} events`,
          workload: churnText(LIVE),
          peer: null,
          events,
        });
      }
      return benches;
    },
  };
}

/** Powers of ten, and the longest. */
function lengthsUpTo(longest: number): number[] {
  const lengths: number[] = [];
  for (let events = Math.min(SHORTEST, longest / 10); events < longest; events *= 10) lengths.push(events);
  return [...lengths, longest];
}

async function appendCost({ scratch }: Setting, kept: string, { longest }: Length): Promise<Cost> {
  const appended = Math.min(APPENDED_EVENTS_MAX, longest);
  return {
    unit: "µs/event",
    subject: {
      async run() {
        const directory = copyOf(kept, scratch);
        const journal = await openSegmentJournal(directory, { host: os.hostname() });
        // The first append after an opening loads what the others have.
        await grown(journal, appended);
        const cost = (await grown(journal, appended)) / appended;
        await journal.close();
        remove(directory);
        return cost;
      },
    },
  };
}

/** Whole histories have gone over before: what is timed is a connection that catches up with what is new. */
async function replicateCost({ scratch, say }: Setting, kept: string, { events, longest }: Length): Promise<Cost> {
  const appended = Math.min(APPENDED_EVENTS_MAX, longest);
  const source = copyOf(kept, scratch);
  const replica = scratch.fresh();
  say(`replicates ${events.toLocaleString("en")} events`);
  await replicatedTo(replica, source);
  return {
    unit: "µs/event",
    subject: {
      async run() {
        const journal = await openSegmentJournal(source, { host: os.hostname() });
        await grown(journal, appended);
        await journal.close();
        return ((await replicatedTo(replica, source)) * MICROSECONDS_PER_SECOND) / appended;
      },
    },
  };
}

/** Appends so many events behind the head. @returns microseconds */
async function grown(journal: Journal, events: number): Promise<number> {
  const { version } = journal.context(GUEST)?.head ?? { version: 0 };
  const batches = [...churnBatches(new Churn(LIVE, "dense", version), version + 1, events)];
  const from = performance.now();
  await appendAll(journal, batches);
  return (performance.now() - from) * MICROSECONDS_PER_MS;
}

/** What is appended to a copy is no part of the history that others use. */
function copyOf(kept: string, scratch: Scratch): string {
  const directory = path.join(scratch.fresh(), "journal");
  cpSync(kept, directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
  return directory;
}

async function whoCost(_: Setting, directory: string, { events }: Length): Promise<Cost> {
  const journal = await openHistory(directory);
  const churn = new Churn(LIVE);
  const random = seededRandom(events);
  return {
    unit: "µs",
    subject: {
      run: () => median(Array.from({ length: QUESTIONS }, () => askedOnce(journal, churn, events, random))),
    },
  };
}

async function atCost(_: Setting, directory: string, { events }: Length): Promise<Cost> {
  const journal = await openHistory(directory);
  const random = seededRandom(events);
  return {
    unit: "ms",
    subject: {
      run: () =>
        median(
          Array.from({ length: QUESTIONS / 10 }, () => {
            const version = 1 + random(events);
            const from = performance.now();
            stateAt(journal, version);
            return performance.now() - from;
          }),
        ),
    },
  };
}

async function openCost({ scratch }: Setting, kept: string): Promise<Cost> {
  const directory = copyOf(kept, scratch);
  return { unit: "ms", subject: { run: () => askTask("open", directory) } };
}
