/** Frames in memory: durable as long as the object lives. */
import { type FrameDraft, sha256 } from "./frame.ts";
import type { FrameLog, Place, ScanItem, ScannedSegment } from "./frame-log.ts";

export class MemoryFrameLog implements FrameLog {
  readonly pendingBytes = 0;
  readonly #frames: FrameDraft[] = [];

  async append(frames: readonly FrameDraft[], onDurable: (places: readonly Place[]) => void): Promise<void> {
    onDurable(
      frames.map((frame) => ({ segment: 1, offset: this.#frames.push(frame) - 1, length: frame.payload.length })),
    );
  }

  read({ offset }: Place): Uint8Array | null {
    return this.#frames[offset]?.payload ?? null;
  }

  fileOf(): string {
    return "memory";
  }

  *scan(): Generator<ScannedSegment> {
    const items = this.#frames.map(({ type, context, sequence, payload }, offset): ScanItem => {
      const head = { type, context, sequence, durable: 0, length: payload.length };
      return { isIntact: true, offset, head, payload, hash: sha256(payload).toString("hex") };
    });
    yield { number: 1, file: "memory", items, end: items.length, size: items.length };
  }

  failure(): null {
    return null;
  }

  async close(): Promise<void> {}
}
