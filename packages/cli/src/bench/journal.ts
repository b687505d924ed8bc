/** Bytes that a journal takes per event of the kernel trace, beside its text gzipped. */
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { recording } from "../demo/recordings.ts";
import type { World } from "../world.ts";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import type { Bench } from "./measure.ts";

export async function journalBench(world: World): Promise<Bench> {
  let events = 0;
  return {
    name: "journal size of the kernel trace, segments",
    unit: "B/event",
    subject: {
      async run() {
        const folder = await mkdtemp(path.join(os.tmpdir(), "ioasis-bench-"));
        try {
          ({ events } = await importRecording(world, KERNEL_TRACE, folder));
          return (await sizeOf(path.join(folder, "segments"))) / events;
        } finally {
          await rm(folder, { recursive: true, force: true });
        }
      },
    },
    peer: {
      name: "the text, gzip -9",
      run: async () => (await stat(recording(world, KERNEL_TRACE))).size / events,
    },
  };
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder)).map(async (name) => (await stat(path.join(folder, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
