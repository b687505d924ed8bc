/** What a bench lets another process do, so that it begins cold or can be killed: `bench --task NAME ARGUMENT...`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import os from "node:os";
import { createInterface } from "node:readline";
import { applyBatch, ContextState, IoasisError } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import type { World } from "../world.ts";
import { churnBatches } from "./workload/batches.ts";
import { Churn } from "./workload/churn.ts";
import { appendAll, GUEST } from "./workload/history.ts";

const GROWN_EVENTS = 100_000;

const TASKS: Readonly<Record<string, (world: World, directory: string) => Promise<void>>> = {
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
export async function runTask(world: World, name: string, [directory]: readonly string[]): Promise<void> {
  const task = TASKS[name];
  if (task === undefined || directory === undefined) throw new IoasisError("ERR_USAGE", `no task is called ${name}`);
  await task(world, directory);
}

/** The number that a task prints, from a process of its own. */
export async function askTask(name: string, directory: string): Promise<number> {
  const child = startTask(name, directory);
  const line = await firstLine(child, name);
  await once(child, "exit");
  return Number(line);
}

/** Starts a task, waits for its first line, and kills it in the middle of what it does. */
export async function killTask(name: string, directory: string): Promise<void> {
  const child = startTask(name, directory);
  await firstLine(child, name);
  child.kill("SIGKILL");
  await once(child, "exit");
}

function startTask(name: string, directory: string): ChildProcess {
  const args = [process.argv[1] as string, "bench", "--task", name, directory];
  return spawn(process.execPath, [...process.execArgv, ...args], { stdio: ["ignore", "pipe", "inherit"] });
}

async function firstLine(child: ChildProcess, name: string): Promise<string> {
  if (child.stdout !== null) for await (const line of createInterface({ input: child.stdout })) return line;
  throw new IoasisError("ERR_INPUT", `the task ${name} of the bench ended without an answer, see above`);
}
