/**
 * Decodes a file in a thread of its own, so that decoding and writing go on side by side.
 *
 * | message | direction | |
 * |---|---|---|
 * | `WorkerInput` | when the thread is made | what to decode |
 * | `WorkerOutput` | from the thread | packs in order; a failure ends them |
 * | `"more"` | to the thread | one more pack may be made |
 */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FormatName } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import type { FactPack } from "./fact-pack.ts";

/** Packs made before they are asked for; each holds what a part of the file gave. */
export const PACKS_AHEAD_MAX = 8;

export interface WorkerInput {
  readonly file: string;
  readonly format: FormatName;
}

export type WorkerOutput =
  | { readonly pack: FactPack }
  | { readonly failure: Pick<IoasisError, "code" | "message" | "at"> };

/** @throws IoasisError of the thread, or what it died of */
export async function* decodedElsewhere(script: URL, input: WorkerInput): AsyncGenerator<FactPack> {
  const worker = new Worker(script, { workerData: input });
  try {
    const came: WorkerOutput[] = [];
    worker.on("message", (output: WorkerOutput) => came.push(output));
    for (;;) {
      if (came.length === 0) await once(worker, "message");
      const output = came.shift();
      if (output === undefined) continue;
      if ("failure" in output) throw new IoasisError(output.failure.code, output.failure.message, output.failure.at);
      worker.postMessage("more");
      yield output.pack;
      if (output.pack.end !== null) return;
    }
  } finally {
    await worker.terminate();
  }
}
