/** Where benches keep their files: a folder that goes when the process ends, however it does. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";

export interface Scratch {
  /** What the next row wants too: histories, compiled peers. */
  readonly kept: string;
  /** Parent of `fresh` folders. */
  readonly runs: string;
  /** A new empty folder. */
  fresh(): string;
}

/** @param workdir is made where it is missing, and stays; null: a temporary folder that goes with the process */
export function openScratch(workdir: string | null): Scratch {
  const kept = workdir === null ? mkdtempSync(path.join(os.tmpdir(), "ioasis-bench-")) : path.resolve(workdir);
  mkdirSync(kept, { recursive: true });
  const runs = mkdtempSync(path.join(kept, "run-"));
  process.on("exit", () => remove(workdir === null ? kept : runs));
  return scratchIn(kept, runs);
}

/** The scratch of another process, which clears up. */
export function scratchIn(kept: string, runs: string): Scratch {
  return { kept, runs, fresh: () => mkdtempSync(path.join(runs, "a-")) };
}

export function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
