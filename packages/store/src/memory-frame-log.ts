/** Frames in memory: durable as long as the object lives. An offset is the index of a frame. */
import type { FrameDraft } from "./frame.ts";
import type { Border, FrameLog, GlimpsedFrame, Place, ReadFrame, ScanItem, ScannedSegment } from "./frame-log.ts";

export class MemoryFrameLog implements FrameLog {
  readonly pendingBytes = 0;
  readonly #frames: FrameDraft[] = [];

  async append(frames: readonly FrameDraft[], onDurable: (places: readonly Place[]) => void): Promise<void> {
    onDurable(
      frames.map((frame) => ({ segment: 1, offset: this.#frames.push(frame) - 1, length: frame.payload.length })),
    );
  }

  read({ offset }: Place): ReadFrame | null {
    const frame = this.#frames[offset];
    return frame === undefined ? null : { payload: frame.payload, hash: frame.hash.toString("hex") };
  }

  *glimpse({ offset: from }: Border): Generator<GlimpsedFrame> {
    for (let offset = from; offset < this.#frames.length; offset++) {
      const frame = this.#frames[offset] as FrameDraft;
      yield { offset, next: offset + 1, head: headOf(frame), beginning: frame.payload };
    }
  }

  scanFrom({ offset: from }: Border): ScannedSegment {
    const items = this.#frames.slice(from).map((frame, index): ScanItem => {
      const { payload, hash } = frame;
      return { isIntact: true, offset: from + index, head: headOf(frame), payload, hash: hash.toString("hex") };
    });
    return { number: 1, file: "memory", items, end: this.#frames.length, size: this.#frames.length };
  }

  *scan(border: Border = { segment: 1, offset: 0 }): Generator<ScannedSegment> {
    yield this.scanFrom(border);
  }

  fileOf(): string {
    return "memory";
  }

  failure(): null {
    return null;
  }

  async close(): Promise<void> {}
}

function headOf({ type, context, sequence, payload }: FrameDraft): GlimpsedFrame["head"] {
  return { type, context, sequence, durable: 0, length: payload.length };
}
