/** What a bench lets another process do, so that it begins cold or can be killed: `bench --task NAME ARGUMENT...`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { createInterface } from "node:readline";
import { applyBatch, ContextState, IoasisError } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import type { World } from "../world.ts";
import { stateAt } from "./at.ts";
import { askedOnce, QUESTIONS_MAX } from "./who.ts";
import { churnBatches } from "./workload/batches.ts";
import { Churn } from "./workload/churn.ts";
import { appendAll, appendHistory, GUEST, HISTORY_LIVE, openHistory } from "./workload/history.ts";
import { seededRandom } from "./workload/random.ts";

const GROWN_EVENTS = 20_000;
const STATES = 20;

type Task = (world: World, directory: string, events: number) => Promise<void>;

const TASKS: Readonly<Record<string, Task>> = {
  /** Opens a journal to its live state. Prints the milliseconds. */
  async open(world, directory) {
    const from = performance.now();
    const journal = await openSegmentJournal(directory, { host: os.hostname() });
    journal.live(GUEST);
    world.out(`${performance.now() - from}\n`);
    await journal.close();
  },
  /** Opens a journal and folds all of its events. Prints the milliseconds. */
  async replay(world, directory) {
    const from = performance.now();
    const journal = await openSegmentJournal(directory, { host: os.hostname(), readOnly: true });
    const state = new ContextState();
    for (const batch of journal.batches(GUEST)) applyBatch(state, batch);
    world.out(`${performance.now() - from}\n`);
    await journal.close();
  },
  /** Makes a journal of so many events. Prints the most memory that it took. */
  async make(world, directory, events) {
    const journal = await openSegmentJournal(directory, { host: os.hostname() });
    await appendHistory(journal, new Churn(HISTORY_LIVE), events);
    await journal.close();
    world.out(`${peakMegabytes()}\n`);
  },
  /** Asks about random pages and versions of a journal of so many events. Prints the most memory that it took. */
  async ask(world, directory, events) {
    const journal = await openHistory(directory);
    const churn = new Churn(HISTORY_LIVE);
    const random = seededRandom(1);
    for (let i = 0; i < Math.min(QUESTIONS_MAX, events); i++) askedOnce(journal, churn, events, random);
    for (let i = 0; i < STATES; i++) stateAt(journal, 1 + random(events));
    await journal.close();
    world.out(`${peakMegabytes()}\n`);
  },
  /** Appends until it is killed. Prints a line once it has got going. */
  async grow(world, directory) {
    const journal = await openSegmentJournal(directory, { host: os.hostname() });
    const churn = new Churn(1_000, "sparse");
    for (;;) {
      const first = (journal.context(GUEST)?.head.version ?? 0) + 1;
      await appendAll(journal, churnBatches(churn, first, GROWN_EVENTS));
      world.out("grown\n");
    }
  },
};

/** @throws IoasisError ERR_USAGE */
export async function runTask(world: World, name: string, [directory, events = "0"]: readonly string[]): Promise<void> {
  const task = TASKS[name];
  if (task === undefined || directory === undefined) throw new IoasisError("ERR_USAGE", `no task is called ${name}`);
  await task(world, directory, Number(events));
}

/** The number that a task prints, from a process of its own. */
export async function askTask(name: string, ...args: readonly string[]): Promise<number> {
  const child = startTask(name, args);
  const line = await firstLine(child, name);
  await once(child, "exit");
  return Number(line);
}

/** Starts a task, waits for its first line, and kills it in the middle of what it does. */
export async function killTask(name: string, directory: string): Promise<void> {
  const child = startTask(name, [directory]);
  await firstLine(child, name);
  child.kill("SIGKILL");
  await once(child, "exit");
}

function startTask(name: string, args: readonly string[]): ChildProcess {
  const words = [process.argv[1] as string, "bench", "--task", name, ...args];
  return spawn(process.execPath, [...process.execArgv, ...words], { stdio: ["ignore", "pipe", "inherit"] });
}

/** The kernel keeps the peak, in KiB. */
function peakMegabytes(): number {
  return (process.resourceUsage().maxRSS * 1024) / 1e6;
}

async function firstLine(child: ChildProcess, name: string): Promise<string> {
  if (child.stdout !== null) for await (const line of createInterface({ input: child.stdout })) return line;
  throw new IoasisError("ERR_INPUT", `the task ${name} of the bench ended without an answer, see above`);
}
