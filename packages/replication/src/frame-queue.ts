/**
 * Frames that have arrived and wait for their reader, in order. Used by every transport.
 */
import { assert, type IoasisError } from "@ioasis/core";
import { INCOMING_BYTES_MAX, INCOMING_FRAMES_MAX } from "./limits.ts";

interface Reader {
  readonly resolve: (frame: Uint8Array | null) => void;
  readonly reject: (error: IoasisError) => void;
}

export class FrameQueue {
  readonly #frames: Uint8Array[] = [];
  #bytes = 0;
  #reader: Reader | null = null;
  /** Undefined while open; null after an orderly end. */
  #end: IoasisError | null | undefined = undefined;
  readonly #onRoom: () => void;

  /** `onRoom` is called whenever a frame was taken. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  /** The transport should stop reading until there is room. */
  get isFull(): boolean {
    return this.#frames.length >= INCOMING_FRAMES_MAX || this.#bytes >= INCOMING_BYTES_MAX;
  }

  push(frame: Uint8Array): void {
    if (this.#end !== undefined) return;
    if (this.#reader !== null) {
      const { resolve } = this.#reader;
      this.#reader = null;
      resolve(frame);
      return;
    }
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
  }

  /** Nothing comes any more. Frames before an orderly end are still handed out; a failure comes first. */
  end(error: IoasisError | null): void {
    if (this.#end !== undefined) return;
    this.#end = error;
    const reader = this.#reader;
    this.#reader = null;
    if (reader === null) return;
    if (error === null) reader.resolve(null);
    else reader.reject(error);
  }

  /** Drops what waits: the local end closed and does not want it. */
  discard(): void {
    this.#frames.length = 0;
    this.#bytes = 0;
    this.end(null);
    this.#onRoom();
  }

  take(): Promise<Uint8Array | null> {
    assert(this.#reader === null, "one receive at a time");
    const frame = this.#frames.shift();
    if (frame !== undefined) {
      this.#bytes -= frame.byteLength;
      this.#onRoom();
      return Promise.resolve(frame);
    }
    if (this.#end === null) return Promise.resolve(null);
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }
}
