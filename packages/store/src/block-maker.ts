/** Makes the frames of a block that is to follow the tail of its context. */
import { type BlockHeader, type Digest, encodeBlock, LEAF_VERSIONS } from "@ioasis/codec";
import { assert, type EventBatch, IoasisError } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import { FRAME_BLOCK, FRAME_LEAF, type FrameDraft, sha256 } from "./frame.ts";
import type { ImportMark } from "./journal.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import { encodeLeaf } from "./records.ts";

/** A block that was accepted: the tail stands behind it, the disk has not seen it. */
export interface AcceptedBlock {
  readonly header: BlockHeader;
  readonly hash: string;
  /** The block, and the leaf border that it crossed last, if it crossed one. */
  readonly frames: readonly FrameDraft[];
  readonly leafVersion: number | null;
}

/** The digest's state at the last leaf border inside a batch. */
export interface LeafState {
  readonly version: number;
  readonly state: Uint8Array;
}

/** Feeds `batch` to the running digest; the last leaf border that it crosses, if any. */
export function feed(feeding: Digest, batch: EventBatch): LeafState | null {
  const border = Math.floor(batch.lastVersion / LEAF_VERSIONS) * LEAF_VERSIONS;
  if (border < batch.firstVersion) {
    feeding.feed(batch);
    return null;
  }
  const rows = border - batch.firstVersion + 1;
  feeding.feed(batch, 0, rows);
  const leaf = { version: border, state: feeding.save() };
  feeding.feed(batch, rows);
  return leaf;
}

/**
 * Seals `batch` into a block. `feeding` is the digest at the tail.
 * @throws IoasisError ERR_LIMIT when the events do not fit a block; the tail is then as before, and
 *   its running digest is to be found again (it has eaten what is refused)
 */
export function makeBlock(
  context: ContextLog,
  feeding: Digest,
  batch: EventBatch,
  mark: ImportMark | null,
): AcceptedBlock {
  context.tail.feeding = null;
  const leaf = feed(feeding, batch);
  const header: BlockHeader = {
    contextId: context.id,
    epoch: batch.epoch,
    firstVersion: batch.firstVersion,
    count: batch.length,
    previous: context.tail.hash,
    digest: feeding.value(),
    mark,
  };
  return accept(context, header, encodeBlock(header, batch), feeding, leaf);
}

/** Moves the tail behind a block whose digest, `feeding`, is known to be right. */
export function accept(
  context: ContextLog,
  header: BlockHeader,
  bytes: Uint8Array,
  feeding: Digest,
  leaf: LeafState | null,
): AcceptedBlock {
  if (bytes.length > PAYLOAD_BYTES_MAX) {
    const message = `a block of ${bytes.length} bytes for context "${context.name}" is too large (at most ${PAYLOAD_BYTES_MAX}). Append fewer events at a time`;
    throw new IoasisError("ERR_LIMIT", message, { context: context.name, bytes: bytes.length });
  }
  const { tail, number } = context;
  assert(header.firstVersion === tail.version + 1, "a block follows the tail");
  const hash = sha256(bytes).toString("hex");
  const frames: FrameDraft[] = [{ type: FRAME_BLOCK, context: number, sequence: ++tail.sequence, payload: bytes }];
  if (leaf !== null) {
    const payload = encodeLeaf({ context: number, ...leaf });
    frames.push({ type: FRAME_LEAF, context: number, sequence: ++tail.sequence, payload });
  }
  tail.version = header.firstVersion + header.count - 1;
  tail.hash = hash;
  tail.digest = header.digest;
  tail.feeding = feeding;
  return { header, hash, frames, leafVersion: leaf?.version ?? null };
}
