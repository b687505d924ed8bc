/** Offset and running hash of a content up to its last complete line. */
import { createHash } from "node:crypto";

const LF = 0x0a;

export class ContentPosition {
  offset = 0;
  readonly #hash = createHash("sha256");
  #tail: Uint8Array[] = [];

  advance(chunk: Uint8Array): void {
    const cut = chunk.lastIndexOf(LF) + 1;
    if (cut > 0) {
      this.finish();
      this.#take(chunk.subarray(0, cut));
    }
    if (cut < chunk.length) this.#tail.push(chunk.slice(cut));
  }

  /** The content ended: what stands behind its last line end counts too. */
  finish(): void {
    for (const part of this.#tail) this.#take(part);
    this.#tail = [];
  }

  sha256(): string {
    return this.#hash.copy().digest("hex");
  }

  #take(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.offset += bytes.length;
  }
}
