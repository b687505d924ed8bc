/** Reads a history back: blocks, batches, the state and the digest at a version. */
import { type BlockHeader, Digest, decodeBlock, decodeHeader, type Snapshot } from "@ioasis/codec";
import { applyUpTo, ContextState, type EventBatch, IoasisError } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import { sha256 } from "./frame.ts";
import type { FrameLog } from "./frame-log.ts";
import type { StoredBlock } from "./journal.ts";
import { DECODED_BLOCKS_MAX } from "./limits.ts";
import { decodeLeaf } from "./records.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

interface Decoded {
  readonly header: BlockHeader;
  readonly batch: EventBatch;
}

export class Replay {
  readonly #log: FrameLog;
  readonly #snapshots: SnapshotStore;
  /** The blocks decoded last, oldest first. */
  readonly #decoded = new Map<string, Decoded>();

  constructor(log: FrameLog, snapshots: SnapshotStore) {
    this.#log = log;
    this.#snapshots = snapshots;
  }

  /** Blocks that hold versions `from` ... `to`; where they are damaged, the intact ones and then ERR_DAMAGED. */
  *blocks(context: ContextLog, from: number, to: number): Generator<StoredBlock> {
    for (const index of this.#indexes(context, from, to)) yield this.#stored(context, index);
  }

  *batches(context: ContextLog, from: number, to: number): Generator<EventBatch> {
    for (const index of this.#indexes(context, from, to)) yield this.#decode(context, index).batch;
  }

  /** The block that holds `version`, or null when none does. */
  blockAt(context: ContextLog, version: number): StoredBlock | null {
    const index = context.blocks.find(version);
    return index < 0 || version > context.version ? null : this.#stored(context, index);
  }

  /** The state at `version`, a new object. */
  state(context: ContextLog, version: number): ContextState {
    checkVersion(context, version);
    const state = this.#snapshot(context, version)?.state ?? new ContextState();
    for (const batch of this.batches(context, state.version + 1, version)) applyUpTo(state, batch, version);
    return state;
  }

  /** Digest of the history up to `version`. */
  digest(context: ContextLog, version: number): string {
    checkVersion(context, version);
    if (version === context.version) return context.digest;
    return this.feeding(context, version).value();
  }

  /** The running digest at `version`, checked against the one of the block that holds it. */
  feeding(context: ContextLog, version: number): Digest {
    const digest = this.#leaf(context, version);
    for (const index of this.#indexes(context, digest.version + 1, version)) {
      const { batch, header } = this.#decode(context, index);
      const rows = Math.min(version, batch.lastVersion) - batch.firstVersion + 1;
      digest.feed(batch, digest.version + 1 - batch.firstVersion, rows);
      if (digest.version < version) continue;
      const whole = rows === batch.length ? digest : new Digest(digest.save());
      whole.feed(batch, rows);
      if (whole.value() !== header.digest) throw this.#damage(context, index, "its digest is not that of its events");
    }
    return digest;
  }

  /** The digest at the newest leaf border up to `version` of which a state was kept. */
  #leaf(context: ContextLog, version: number): Digest {
    for (let i = context.leaves.length - 1; i >= 0; i--) {
      const leaf = context.leaves[i];
      if (leaf === undefined || leaf.version > version) continue;
      const payload = this.#log.read(leaf.place);
      if (payload !== null) return new Digest(decodeLeaf(payload).state);
    }
    return new Digest();
  }

  /** The newest usable snapshot up to `version`: its digest must be that of the history. */
  #snapshot(context: ContextLog, version: number): Snapshot | null {
    for (const at of this.#snapshots.versions(context.id).toReversed()) {
      if (at > version) continue;
      const snapshot = this.#snapshots.load(context.id, at);
      if (snapshot === null) continue;
      const block = this.blockAt(context, at);
      if (block === null || block.header.firstVersion + block.header.count - 1 !== at) continue;
      if (new Digest(snapshot.digest).value() === block.header.digest) return snapshot;
    }
    return null;
  }

  *#indexes(context: ContextLog, from: number, to: number): Generator<number> {
    const end = Math.min(to, context.version);
    if (from <= end || context.damagedFrom !== null)
      for (let index = Math.max(0, context.blocks.find(from)); index < context.blocks.length; index++) {
        const first = context.blocks.firstVersion(index);
        if (first > end || (context.damagedFrom !== null && first >= context.damagedFrom)) break;
        if (from <= end) yield index;
      }
    if (context.damagedFrom !== null && to >= context.damagedFrom) throw context.damaged();
  }

  #bytes(context: ContextLog, index: number): Uint8Array {
    return this.#log.read(context.blocks.place(index)) ?? this.#lost(context, index);
  }

  #lost(context: ContextLog, index: number): never {
    throw this.#damage(context, index, "the bytes of the block differ from their hash");
  }

  #damage(context: ContextLog, index: number, what: string): IoasisError {
    const { segment, offset } = context.blocks.place(index);
    const version = context.blocks.firstVersion(index);
    context.breakOff({ file: this.#log.fileOf(segment), offset, version, context: context.name, what }, version);
    return context.damaged();
  }

  #stored(context: ContextLog, index: number): StoredBlock {
    const bytes = this.#bytes(context, index);
    return { header: decodeHeader(bytes), hash: sha256(bytes).toString("hex"), bytes: () => bytes };
  }

  #decode(context: ContextLog, index: number): Decoded {
    const key = `${context.number}/${index}`;
    const kept = this.#decoded.get(key);
    if (kept !== undefined) return kept;
    const decoded = this.#decodeBytes(context, index, this.#bytes(context, index));
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size < DECODED_BLOCKS_MAX) break;
      this.#decoded.delete(oldest);
    }
    this.#decoded.set(key, decoded);
    return decoded;
  }

  #decodeBytes(context: ContextLog, index: number, bytes: Uint8Array): Decoded {
    try {
      return decodeBlock(bytes);
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code !== "ERR_BLOCK") throw error;
      throw this.#damage(context, index, error.message);
    }
  }
}

/** @throws IoasisError ERR_VERSION, ERR_DAMAGED */
function checkVersion(context: ContextLog, version: number): void {
  const { name, damagedFrom } = context;
  if (damagedFrom !== null && version >= damagedFrom) throw context.damaged();
  if (Number.isSafeInteger(version) && version >= 0 && version <= context.version) return;
  const message = `context "${name}" has no version ${version}. It has versions 0 to ${context.version}`;
  throw new IoasisError("ERR_VERSION", message, { context: name, version });
}
