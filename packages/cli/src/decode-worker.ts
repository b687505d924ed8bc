/** The thread of `import/decoder-thread.ts`: entry point of a bundle of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { assert, IoasisError } from "@ioasis/core";
import { openContent } from "./content.ts";
import { decodedContent } from "./import/decoded-content.ts";
import { PACKS_AHEAD_MAX, type WorkerInput, type WorkerOutput } from "./import/decoder-thread.ts";
import { buffersOf } from "./import/fact-pack.ts";

assert(parentPort !== null, "this is a thread");
const port = parentPort;
const { file, format } = workerData as WorkerInput;

let credit = PACKS_AHEAD_MAX;
let go = (): void => undefined;
port.on("message", () => {
  credit++;
  go();
});

const post = (output: WorkerOutput, buffers: ArrayBuffer[] = []): void => port.postMessage(output, buffers);

try {
  const content = await openContent(file);
  for await (const pack of decodedContent(content, format, false)) {
    if (credit === 0)
      await new Promise<void>((resolve) => {
        go = resolve;
      });
    credit--;
    post({ pack }, buffersOf(pack));
  }
} catch (error) {
  if (!(error instanceof IoasisError)) throw error;
  post({ failure: { message: error.message, code: error.code, at: error.at } });
}
port.close();
