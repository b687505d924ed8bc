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

/** A place between two frames. */
export type Border = Pick<Place, "segment" | "offset">;

/** The newest frame: where it lies, and the SHA-256 of its payload, 64 hex digits. */
export interface LastFrame extends Place {
  readonly hash: string;
}

/** A frame of which head and payload are known to be what was written. */
export interface ReadFrame {
  readonly payload: Uint8Array;
  /** SHA-256 of the payload, 64 hex digits. */
  readonly hash: string;
}

export interface ScannedFrame extends ReadFrame {
  readonly isIntact: true;
  readonly offset: number;
  readonly head: FrameHead;
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

/** A frame whose head is intact; of its payload the beginning, unproven, until the next one is asked for. */
export interface GlimpsedFrame {
  readonly offset: number;
  /** Offset of the frame behind it. */
  readonly next: number;
  readonly head: FrameHead;
  readonly beginning: Uint8Array;
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

  /** The frame at `place`, checked against its hash; null when it is damaged. */
  read(place: Place): ReadFrame | null;

  /** The frames from `border` to the end of its segment; ends early where a head is damaged. Reads little of each. */
  glimpse(border: Border): Iterable<GlimpsedFrame>;

  /** Reads and checks everything in the segment of `border` from there on. */
  scanFrom(border: Border): ScannedSegment;

  /** Reads everything again, segment by segment, from `border` (default: the beginning) on. */
  scan(border?: Border): Iterable<ScannedSegment>;

  /** Name of the segment's file, for messages. */
  fileOf(segment: number): string;

  /** The failure that ended the log's life, or null. */
  failure(): Error | null;

  /** Waits for the frames under way, then lets go of the files. */
  close(): Promise<void>;
}
