/**
 * A sealed block: a batch of events as bytes, by column.
 */
import type { EventBatch } from "@ioasis/core";

export interface BlockHeader {
  /** Random identity of the context. */
  readonly contextId: string;
  readonly epoch: number;
  readonly firstVersion: number;
  readonly count: number;
  /** Hash of the block before it in the context, "" for the first. */
  readonly previous: string;
  /** Digest of the history up to and including the last version of this block. */
  readonly digest: string;
  /** Where the events come from: an `ImportMark` of the store, opaque here. */
  readonly mark: unknown;
}

/** Encoded block: header and columns. Deterministic. */
export declare function encodeBlock(header: BlockHeader, batch: EventBatch): Uint8Array;
/** @throws IoasisError ERR_BLOCK when the bytes are no block of this format */
export declare function decodeHeader(bytes: Uint8Array): BlockHeader;
/** Header and events. @throws IoasisError ERR_BLOCK */
export declare function decodeBlock(bytes: Uint8Array): { readonly header: BlockHeader; readonly batch: EventBatch };
/** SHA-256 of the encoded block, 64 hex digits: its content address. */
export declare function blockHash(bytes: Uint8Array): string;
