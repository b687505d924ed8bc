/**
 * The unit of a segment file: a head of fixed size, then the payload. Little endian.
 *
 * | at | size | what |
 * |----|------|------|
 * |  0 |  4   | magic `a9 49 4f 46` |
 * |  4 |  4   | type |
 * |  8 |  4   | length of the payload |
 * | 12 |  4   | durable: everything of this file below it was on the disk before this frame was written |
 * | 16 |  4   | number of the context in this journal; 0: the journal's own |
 * | 20 |  4   | sequence: 1, 2, 3, ... among the frames of that context |
 * | 24 |  4   | CRC-32C of the 24 bytes above |
 * | 28 | 32   | SHA-256 of the payload; of a block that is its hash |
 *
 * Every bit is covered. The guard is apart from the hash so that a damaged payload still tells
 * whose it was and where the next frame begins. `durable` tells a write that a crash tore (never
 * acknowledged, may go) from damage to what was acknowledged: a commit group is one write, and the
 * disk may keep its last page and lose its first. `sequence` shows that nothing of a context is missing.
 */
import { createHash } from "node:crypto";
import { crc32c } from "./crc32c.ts";

export const FRAME_BLOCK = 1;
export const FRAME_RECORD = 2;
/** State of the digest at a leaf border, so that a digest inside a block is found without the whole history. */
export const FRAME_LEAF = 3;
/** No payload: written at a clean close, it proves through `durable` that all before it was acknowledged. */
export const FRAME_CLOSED = 4;
/** The only frame of a snapshot's file. */
export const FRAME_SNAPSHOT = 5;
/** The only frame of the catalog's checkpoint. */
export const FRAME_CATALOG = 6;
/** The only frame of a saved model's file. */
export const FRAME_MODEL = 7;

export const FRAME_HEAD_BYTES = 60;
export const MAGIC = Uint8Array.of(0xa9, 0x49, 0x4f, 0x46);
const MAGIC_WORD = 0x464f49a9;
const GUARDED_BYTES = 24;
const HASH_OFFSET = 28;

/** A frame that is still to be written. */
export interface FrameDraft {
  readonly type: number;
  readonly context: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  /** SHA-256 of the payload. */
  readonly hash: Buffer;
}

export interface FrameHead {
  readonly type: number;
  /** Bytes of the payload. */
  readonly length: number;
  readonly durable: number;
  readonly context: number;
  readonly sequence: number;
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** A frame to be written; its payload is hashed here, once. */
export function draft(type: number, context: number, sequence: number, payload: Uint8Array): FrameDraft {
  return { type, context, sequence, payload, hash: sha256(payload) };
}

export function encodeHead({ type, context, sequence, payload, hash }: FrameDraft, durable: number): Uint8Array {
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  head.set(MAGIC);
  const view = new DataView(head.buffer);
  view.setUint32(4, type, true);
  view.setUint32(8, payload.length, true);
  view.setUint32(12, durable, true);
  view.setUint32(16, context, true);
  view.setUint32(20, sequence, true);
  view.setUint32(GUARDED_BYTES, crc32c(head, 0, GUARDED_BYTES), true);
  head.set(hash, HASH_OFFSET);
  return head;
}

/** The head at `offset`, or null when there is none that is whole and undamaged. */
export function decodeHead(bytes: Uint8Array, offset: number): FrameHead | null {
  if (offset + FRAME_HEAD_BYTES > bytes.length) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, FRAME_HEAD_BYTES);
  if (view.getUint32(0, true) !== MAGIC_WORD) return null;
  if (view.getUint32(GUARDED_BYTES, true) !== crc32c(bytes, offset, offset + GUARDED_BYTES)) return null;
  return {
    type: view.getUint32(4, true),
    length: view.getUint32(8, true),
    durable: view.getUint32(12, true),
    context: view.getUint32(16, true),
    sequence: view.getUint32(20, true),
  };
}

/** Whether the hash in the head at `offset` is that of `payload`; the hash as hex digits, or null. */
export function checkedHash(bytes: Uint8Array, offset: number, payload: Uint8Array): string | null {
  const hash = sha256(payload);
  const start = offset + HASH_OFFSET;
  return hash.compare(bytes, start, start + hash.length) === 0 ? hash.toString("hex") : null;
}
