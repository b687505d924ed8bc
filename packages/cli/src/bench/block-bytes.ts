/** Bytes that sealed blocks of the kernel trace take for an event, beside its text, that text compressed, and records. */
import { spawn } from "node:child_process";
import { createReadStream } from "node:fs";
import os from "node:os";
import { pipeline } from "node:stream/promises";
import { constants, createGunzip, createGzip } from "node:zlib";
import { recordedAt } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import { recording } from "../demo/recordings.ts";
import type { World } from "../world.ts";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import { type Bench, beside, type Missing, type Peer } from "./measure.ts";
import { installed, isMissing } from "./peers/installed.ts";
import type { Setting } from "./row.ts";

export async function blockBytesBenches({ world, scratch }: Setting): Promise<Bench[]> {
  const directory = scratch.fresh();
  const { events } = await importRecording(world, KERNEL_TRACE, directory);
  const journal = await openSegmentJournal(directory, { host: os.hostname(), readOnly: true });
  const context = journal.contexts()[0]?.name ?? "";
  const sealed = (): number => {
    let bytes = 0;
    for (const block of journal.blocks(context)) bytes += block.bytes().length;
    return bytes / events;
  };
  const text = (): NodeJS.ReadableStream => createReadStream(recording(world, KERNEL_TRACE)).pipe(createGunzip());
  const bench = {
    name: `sealed blocks of the kernel trace, every field kept, ${events.toLocaleString("en")} events`,
    unit: "B/event",
    workload: KERNEL_TRACE,
    target: [{ of: "value", atMost: 2.5 }],
    // Bytes are the same at every run.
    runsMax: 1,
    subject: { run: sealed },
  } as const;
  return [
    ...beside({ ...bench, target: [...bench.target, { of: "ratio", atMost: 1 }] }, [await xz(world, events)]),
    ...beside(bench, [
      { name: "its text", run: async () => (await counted(text())) / events },
      {
        name: "its text, gzip -9",
        run: async () => (await counted(text().pipe(createGzip({ level: constants.Z_BEST_COMPRESSION })))) / events,
      },
      await records(events, () => journal.batches(context)),
    ]),
  ];
}

async function counted(stream: NodeJS.ReadableStream): Promise<number> {
  let bytes = 0;
  for await (const chunk of stream) bytes += (chunk as Buffer).length;
  return bytes;
}

async function xz(world: World, events: number): Promise<Peer | Missing> {
  const started = spawn("xz", ["--version"], { stdio: "ignore" });
  const isThere = await new Promise<boolean>((resolve) => {
    started.on("error", () => resolve(false));
    started.on("exit", (code) => resolve(code === 0));
  });
  if (!isThere) return { missing: "the peer xz is not installed" };
  return {
    name: "its text, xz -9e",
    async run() {
      const child = spawn("xz", ["-9e", "--stdout"], { stdio: ["pipe", "pipe", "inherit"] });
      const [bytes] = await Promise.all([
        counted(child.stdout),
        pipeline(createReadStream(recording(world, KERNEL_TRACE)), createGunzip(), child.stdin),
      ]);
      return bytes / events;
    },
  };
}

async function records(
  events: number,
  batches: () => Iterable<Parameters<typeof recordedAt>[0]>,
): Promise<Peer | Missing> {
  const library = await installed("msgpackr", () => import("msgpackr"));
  if (isMissing(library)) return library;
  return {
    name: "msgpackr, a record an event",
    run() {
      const packr = new library.Packr({ useRecords: true, structures: [] });
      let bytes = 0;
      for (const batch of batches())
        for (let row = 0; row < batch.length; row++) bytes += packr.pack(recordedAt(batch, row)).length;
      return bytes / events;
    },
  };
}
