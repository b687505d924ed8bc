/** Writes to a standard stream and waits until it is taken, so that a slow reader costs no memory. */
import { writeSync } from "node:fs";

const RETRY_MS = 2;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/** Ends the process quietly when the reader of the stream went away (`ioasis log | head`). */
export function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  let at = 0;
  while (at < bytes.length)
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : null;
      if (code === "EPIPE") process.exit(0);
      if (code !== "EAGAIN") throw error;
      // The stream is a full pipe that does not block: wait for its reader.
      Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
}
