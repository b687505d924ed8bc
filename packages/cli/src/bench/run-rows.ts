/**
 * Runs rows, each in a process of its own: none pays for the garbage of another, or for what another
 * made the engine compile, and an interrupt takes effect at once.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { IoasisError } from "@ioasis/core";
import type { World } from "../world.ts";
import { type Chosen, chosenName } from "./chosen.ts";
import { load, thisMachine } from "./machine.ts";
import { type Bench, Measuring } from "./measure.ts";
import { type Reported, resultLine } from "./report.ts";
import type { Scratch } from "./scratch.ts";

const ROW_SECONDS_MAX = 3_600;

/** Measures one row in this process. */
export async function runRow(
  world: World,
  chosen: Chosen,
  runs: number,
  scratch: Scratch,
  onResult: (result: Reported) => void,
): Promise<void> {
  const name = chosenName(chosen);
  const say = (text: string): void => world.err(`${name}: ${text}\n`);
  const machine = thisMachine();
  const benches = await chosen.row.make({ world, scratch, say }, chosen.size);
  const rounds = chosen.row.isCurve === true ? [benches] : benches.map((bench) => [bench]);
  for (const round of rounds) {
    const before = load();
    for (const measuring of await measured(round, runs)) {
      const result = { row: name, ...measuring.result(), load: [before, load()] as const, machine };
      say(resultLine(result));
      onResult(result);
    }
  }
}

/** Measures benches that take turns. */
async function measured(benches: readonly Bench[], runs: number): Promise<readonly Measuring[]> {
  const all = benches.map((bench) => new Measuring(bench, runs));
  for (let left = all; left.length > 0; left = left.filter(({ done, runs }) => done < runs))
    for (const measuring of left) await measuring.turn();
  return all;
}

/** @returns whether every row came to its end; one that fails is told, and the others go on */
export async function runRows(
  world: World,
  rows: readonly Chosen[],
  runs: number,
  scratch: Scratch,
  onResult: (result: Reported) => void,
): Promise<boolean> {
  let isWhole = true;
  for (const chosen of rows) {
    const code = await inChild(world, chosen, runs, scratch, onResult);
    if (world.signal.aborted) throw new IoasisError("ERR_INTERRUPTED", "interrupted: rows that had ended are above");
    if (code === 0) continue;
    isWhole = false;
    world.err(`${chosenName(chosen)}: failed, see above\n`);
  }
  return isWhole;
}

async function inChild(
  world: World,
  chosen: Chosen,
  runs: number,
  { kept, fresh }: Scratch,
  onResult: (result: Reported) => void,
): Promise<number> {
  const args = ["bench", chosenName(chosen), "--json", "--runs", String(runs), "--workdir", kept, "--inside", fresh()];
  // A group of its own, so that what it starts ends with it.
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] as string, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    detached: true,
  });
  const end = (): void => {
    try {
      process.kill(-(child.pid as number), "SIGKILL");
    } catch {
      // It had ended by itself.
    }
  };
  const timer = setTimeout(end, ROW_SECONDS_MAX * 1000);
  world.signal.addEventListener("abort", end);
  process.on("exit", end);
  const closed = once(child, "close");
  for await (const line of createInterface({ input: child.stdout })) {
    const value = JSON.parse(line) as Reported | { readonly error: unknown };
    if (!("error" in value)) onResult(value);
  }
  const [code] = (await closed) as [number | null];
  clearTimeout(timer);
  world.signal.removeEventListener("abort", end);
  process.off("exit", end);
  return code ?? 3;
}
