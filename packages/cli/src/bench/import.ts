/** Import of the shipped kernel trace into a new journal on the disk, beside counting its lines. */
import { createReadStream } from "node:fs";
import os from "node:os";
import { createGunzip } from "node:zlib";
import { openSegmentJournal } from "@ioasis/store";
import { openContent } from "../content.ts";
import { recording } from "../demo/recordings.ts";
import { importFile } from "../import/import-file.ts";
import type { World } from "../world.ts";
import type { Bench } from "./measure.ts";
import type { Setting } from "./row.ts";
import { remove } from "./scratch.ts";

export const KERNEL_TRACE = "dma-e1000e.trace.txt.gz";

/** Imports a shipped recording into `directory`. @returns its lines and the events they gave */
export async function importRecording(
  world: World,
  name: string,
  directory: string,
): Promise<{ lines: number; events: number }> {
  const journal = await openSegmentJournal(directory, { host: os.hostname() });
  try {
    const file = recording(world, name);
    const { lines, events } = await importFile(journal, file, await openContent(file), {
      format: "auto",
      context: undefined,
      pace: null,
      onDrift: () => undefined,
      onProgress: () => undefined,
      signal: world.signal,
    });
    return { lines, events };
  } finally {
    await journal.close();
  }
}

export async function importBench({ world, scratch }: Setting): Promise<Bench> {
  return {
    name: "import of the kernel trace, durable",
    unit: "lines/s",
    workload: KERNEL_TRACE,
    target: [{ of: "value", atLeast: 500_000 }],
    subject: {
      async run() {
        const folder = scratch.fresh();
        try {
          const from = performance.now();
          const { lines } = await importRecording(world, KERNEL_TRACE, folder);
          return lines / ((performance.now() - from) / 1000);
        } finally {
          remove(folder);
        }
      },
    },
    peer: {
      name: "gunzip and count its lines",
      async run() {
        const from = performance.now();
        let lines = 0;
        for await (const chunk of createReadStream(recording(world, KERNEL_TRACE)).pipe(createGunzip()))
          for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
        return lines / ((performance.now() - from) / 1000);
      },
    },
  };
}
