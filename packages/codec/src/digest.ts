import type { EventBatch } from "@ioasis/core";

/** A hash of the history is taken once per this many versions. */
export const LEAF_VERSIONS = 1024;
/** Digest of an empty history. */
export const EMPTY_DIGEST = "0".repeat(64);

/** The digest of a history, fed batch by batch. */
export declare class Digest {
  /** Version up to which it has been fed. */
  readonly version: number;
  constructor(state?: Uint8Array);
  /** Feeds rows [from, to) of the batch; row `from` must be version + 1. */
  feed(batch: EventBatch, from?: number, to?: number): void;
  /** Digest of everything fed, 64 hex digits; feeding may go on. */
  value(): string;
  /** Everything needed to go on later (at most a leaf of canonical bytes). */
  save(): Uint8Array;
}
