/**
 * Group commit: appends that come while the disk is busy wait and go together, in one write and
 * one fdatasync. The first failure ends the queue's life: what the disk holds is then known only
 * by reading it again, and an fsync that is tried again on the same file may claim what is lost.
 */
import type { FrameDraft } from "./frame.ts";
import { FRAME_HEAD_BYTES } from "./frame.ts";
import type { Place } from "./frame-log.ts";
import { GROUP_BYTES_MAX } from "./limits.ts";

interface Waiting {
  readonly frames: readonly FrameDraft[];
  readonly bytes: number;
  readonly onDurable: (places: readonly Place[]) => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class CommitQueue {
  pendingBytes = 0;
  failure: Error | null = null;
  readonly #write: (frames: readonly FrameDraft[]) => Promise<readonly Place[]>;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;

  /** `write` makes frames durable as one group and says where they lie. */
  constructor(write: (frames: readonly FrameDraft[]) => Promise<readonly Place[]>) {
    this.#write = write;
  }

  push(frames: readonly FrameDraft[], onDurable: (places: readonly Place[]) => void): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const bytes = frames.reduce((sum, { payload }) => sum + FRAME_HEAD_BYTES + payload.length, 0);
    this.pendingBytes += bytes;
    const durable = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ frames, bytes, onDurable, resolve, reject });
    });
    this.#running ??= this.#run();
    return durable;
  }

  /** Resolves when nothing waits, whether it went well or not. */
  async drain(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Calls made in the same turn of the event loop belong into the first group.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#take();
      try {
        const places = await this.#write(group.flatMap(({ frames }) => frames));
        this.#settle(group, places);
      } catch (error) {
        this.#fail(group, error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#running = null;
  }

  #take(): Waiting[] {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length && bytes < GROUP_BYTES_MAX; count++)
      bytes += this.#waiting[count]?.bytes ?? 0;
    return this.#waiting.splice(0, count);
  }

  #settle(group: readonly Waiting[], places: readonly Place[]): void {
    let from = 0;
    for (const { frames, onDurable } of group) onDurable(places.slice(from, (from += frames.length)));
    for (const { bytes, resolve } of group) {
      this.pendingBytes -= bytes;
      resolve();
    }
  }

  #fail(group: readonly Waiting[], error: Error): void {
    this.failure = error;
    for (const { reject } of [...group, ...this.#waiting]) reject(error);
    this.#waiting = [];
    this.pendingBytes = 0;
  }
}
