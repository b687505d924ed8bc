/** The port below a journal: frames in one order, durable before they are acknowledged. */
import type { FrameDraft, FrameHead } from "./frame.ts";

/** Where a frame lies. */
export interface Place {
  /** Number of the segment, from 1. */
  readonly segment: number;
  /** Of the frame's head in the segment. */
  readonly offset: number;
  /** Bytes of the payload. */
  readonly length: number;
}

export interface ScannedFrame {
  readonly isIntact: true;
  readonly offset: number;
  readonly head: FrameHead;
  readonly payload: Uint8Array;
  /** SHA-256 of the payload, 64 hex digits. */
  readonly hash: string;
}

export interface ScannedDamage {
  readonly isIntact: false;
  readonly offset: number;
  /** First byte behind the damage. */
  readonly end: number;
  /** The head, where it is undamaged. */
  readonly head: FrameHead | null;
  /** The payload, where it is proven undamaged (only the head is hit). */
  readonly payload: Uint8Array | null;
  readonly what: string;
}

export type ScanItem = ScannedFrame | ScannedDamage;

export interface ScannedSegment {
  readonly number: number;
  /** Its name within the journal's directory. */
  readonly file: string;
  readonly items: readonly ScanItem[];
  /** End of what counts: below `size` when a crash tore the last write. */
  readonly end: number;
  /** End of what was written. */
  readonly size: number;
}

export interface FrameLog {
  /** Bytes that wait for the disk. */
  readonly pendingBytes: number;

  /**
   * Appends all frames or none. Calls are written in order. `onDurable` runs as soon as the frames
   * are durable, in the order of the calls and before the promise resolves.
   * @throws IoasisError ERR_DISK; from then on every call throws it: open the journal again
   */
  append(frames: readonly FrameDraft[], onDurable: (places: readonly Place[]) => void): Promise<void>;

  /**
   * The payload at `place`, checked against its hash.
   * @returns null when it is damaged
   */
  read(place: Place): Uint8Array | null;

  /** Name of the segment's file, for messages. */
  fileOf(segment: number): string;

  /** Reads everything again, segment by segment. */
  scan(): Iterable<ScannedSegment>;

  /** The failure that ended the log's life, or null. */
  failure(): Error | null;

  /** Waits for the frames under way, then lets go of the files. */
  close(): Promise<void>;
}
