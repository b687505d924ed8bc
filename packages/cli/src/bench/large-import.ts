/** Import of a synthetic kernel trace by the command itself: lines a second, and the most memory that it took. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, existsSync, readFileSync, renameSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { recording } from "../demo/recordings.ts";
import type { World } from "../world.ts";
import { KERNEL_TRACE } from "./import.ts";
import type { Bench } from "./measure.ts";
import { remove, type Scratch } from "./scratch.ts";
import { syntheticTrace } from "./synthetic-trace.ts";

const MIB = 1 << 20;
const LOOK_MS = 25;

/** `size` in MiB. */
export async function largeImportBenches(world: World, scratch: Scratch, size: number): Promise<Bench[]> {
  const file = await traceIn(scratch.kept, world, size * MIB);
  const workload = `synthetic kernel trace, ${size} MiB`;
  /** Of the runs so far, in order. */
  const peaks: number[] = [];
  const run = async (): Promise<number> => {
    const db = scratch.fresh();
    try {
      const { linesPerSecond, peakBytes } = await importByCommand(file, db);
      peaks.push(peakBytes / 1e6);
      return linesPerSecond;
    } finally {
      remove(db);
    }
  };
  return [
    {
      name: `import of a trace of ${size} MiB by the command, from its start to its answer`,
      unit: "lines/s",
      workload,
      target: [{ of: "value", atLeast: 500_000 }],
      note: "the history index is built behind the answer",
      subject: { run },
      peer: { name: "read the file and count its lines", run: () => countedPerSecond(file) },
    },
    {
      name: `most memory of that process (RSS), the building of the index included`,
      unit: "MB",
      workload,
      target: [{ of: "value", atMost: 400 }],
      subject: {
        async run() {
          if (peaks.length === 0) await run();
          return peaks.shift() ?? 0;
        },
      },
      peer: null,
    },
  ];
}

async function traceIn(folder: string, world: World, bytes: number): Promise<string> {
  const file = path.join(folder, `synthetic-${bytes}.trace.txt`);
  if (existsSync(file)) return file;
  const recorded = gunzipSync(readFileSync(recording(world, KERNEL_TRACE))).toString("latin1");
  await pipeline(Readable.from(syntheticTrace(recorded, { bytes })), createWriteStream(`${file}.part`));
  renameSync(`${file}.part`, file);
  return file;
}

/** A process of its own. The kernel keeps the peak of its memory; it is read until the process ends. */
async function importByCommand(file: string, db: string): Promise<{ linesPerSecond: number; peakBytes: number }> {
  const from = performance.now();
  const args = [process.argv[1] as string, "import", file, "--db", db, "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let answer = "";
  let answeredMs = 0;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    answer += text;
    answeredMs = performance.now();
  });
  let peakBytes = 0;
  let isRunning = true;
  const ended = once(child, "close").then(() => {
    isRunning = false;
  });
  while (isRunning) {
    peakBytes = Math.max(peakBytes, peakOf(child.pid));
    await Promise.race([ended, sleep(LOOK_MS)]);
  }
  const { files } = JSON.parse(answer) as { readonly files: readonly { readonly lines: number }[] };
  return { linesPerSecond: (files[0]?.lines ?? 0) / ((answeredMs - from) / 1000), peakBytes };
}

/** VmHWM of a process; 0 where there is no /proc, or no such process any more. */
function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

async function countedPerSecond(file: string): Promise<number> {
  const from = performance.now();
  let lines = 0;
  for await (const chunk of createReadStream(file, { highWaterMark: MIB }))
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
  return lines / ((performance.now() - from) / 1000);
}
