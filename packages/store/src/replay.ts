/** Reads a history back: blocks, batches, the state and the digest at a version. */
import { type BlockHeader, Digest, decodeBlock, decodeHeader, type Snapshot } from "@ioasis/codec";
import { applyUpTo, ContextState, type EventBatch, IoasisError } from "@ioasis/core";
import { BlockPages, type BlockPlace } from "./block-pages.ts";
import type { ContextLog } from "./context-log.ts";
import type { FrameLog, ReadFrame } from "./frame-log.ts";
import type { StoredBlock } from "./journal.ts";
import { DECODED_BLOCKS_MAX } from "./limits.ts";
import { decodeLeaf } from "./records.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

interface Decoded {
  readonly header: BlockHeader;
  readonly hash: string;
  readonly batch: EventBatch;
}

export class Replay {
  readonly #log: FrameLog;
  readonly #snapshots: SnapshotStore;
  readonly #pages: BlockPages;
  /** The blocks decoded last, oldest first. */
  readonly #decoded = new Map<string, Decoded>();

  constructor(log: FrameLog, snapshots: SnapshotStore) {
    this.#log = log;
    this.#snapshots = snapshots;
    this.#pages = new BlockPages(log);
  }

  /** Blocks that hold versions `from` ... `to`; where they are damaged, the intact ones and then ERR_DAMAGED. */
  blocks(context: ContextLog, from: number, to: number): Generator<StoredBlock> {
    return this.#chain(context, from, to, (place) => this.#stored(context, place));
  }

  *batches(context: ContextLog, from: number, to: number): Generator<EventBatch> {
    for (const { batch } of this.#chain(context, from, to, (place) => this.#decode(context, place))) yield batch;
  }

  /** The block that holds `version`, or null when none does. */
  blockAt(context: ContextLog, version: number): StoredBlock | null {
    const place = this.#pages.at(context, version);
    return place === null ? null : this.#stored(context, place);
  }

  /** Frames of the context up to the block that ends at `version`; null when none does. */
  framesUpTo(context: ContextLog, version: number): number | null {
    const place = this.#pages.at(context, version);
    return place?.lastVersion === version ? place.sequence : null;
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
    for (const { batch, header } of this.#chain(context, digest.version + 1, version, (place) =>
      this.#decode(context, place),
    )) {
      const rows = Math.min(version, batch.lastVersion) - batch.firstVersion + 1;
      digest.feed(batch, digest.version + 1 - batch.firstVersion, rows);
      if (digest.version < version) continue;
      const whole = rows === batch.length ? digest : new Digest(digest.save());
      whole.feed(batch, rows);
      if (whole.value() !== header.digest)
        throw this.#damageAt(context, header.firstVersion, "its digest is not that of its events");
    }
    return digest;
  }

  /** The digest at the newest leaf border up to `version` of which a state was kept. */
  #leaf(context: ContextLog, version: number): Digest {
    for (let at = version; ; ) {
      const leaf = this.#pages.leafAt(context, at);
      if (leaf === null) return new Digest();
      const frame = this.#log.read(leaf);
      if (frame !== null) return new Digest(decodeLeaf(frame.payload).state);
      at = leaf.version - 1;
    }
  }

  /** The newest usable snapshot up to `version`: its digest must be that of the history. */
  #snapshot(context: ContextLog, version: number): Snapshot | null {
    for (const at of this.#snapshots.versions(context.id).toReversed()) {
      if (at > version) continue;
      const digest = this.#digestOfBlock(context, at);
      if (digest === null) continue;
      const snapshot = this.#snapshots.load(context.id, at);
      if (snapshot !== null && new Digest(snapshot.digest).value() === digest) return snapshot;
    }
    return null;
  }

  /** The digest that the block that ends at `version` tells; null: none ends there. */
  #digestOfBlock(context: ContextLog, version: number): string | null {
    if (version === context.version) return context.digest;
    const block = this.blockAt(context, version);
    if (block === null || block.header.firstVersion + block.header.count - 1 !== version) return null;
    return block.header.digest;
  }

  /** What `read` makes of the blocks that hold versions `from` ... `to`; each must name the one before it. */
  *#chain<T extends { readonly header: BlockHeader; readonly hash: string }>(
    context: ContextLog,
    from: number,
    to: number,
    read: (place: BlockPlace) => T,
  ): Generator<T> {
    const end = Math.min(to, context.version);
    let before: string | null = null;
    for (let version = Math.max(1, from); version <= end && version < (context.damagedFrom ?? Infinity); ) {
      const place = this.#pages.at(context, version);
      if (place === null || place.firstVersion >= (context.damagedFrom ?? Infinity)) break;
      const block = read(place);
      if (before !== null && block.header.previous !== before)
        throw this.#damage(context, place, "the block names another predecessor than the one before it");
      before = block.hash;
      version = place.lastVersion + 1;
      yield block;
    }
    if (context.damagedFrom !== null && to >= context.damagedFrom) throw context.damaged();
  }

  #stored(context: ContextLog, place: BlockPlace): StoredBlock {
    const { payload, hash } = this.#frame(context, place);
    return { header: this.#checked(context, place, () => decodeHeader(payload)), hash, bytes: () => payload };
  }

  #decode(context: ContextLog, place: BlockPlace): Decoded {
    const key = `${context.number}/${place.firstVersion}`;
    const kept = this.#decoded.get(key);
    if (kept !== undefined) return kept;
    const { payload, hash } = this.#frame(context, place);
    const decoded = { hash, ...this.#checked(context, place, () => decodeBlock(payload)) };
    for (const oldest of this.#decoded.keys()) {
      if (this.#decoded.size < DECODED_BLOCKS_MAX) break;
      this.#decoded.delete(oldest);
    }
    this.#decoded.set(key, decoded);
    return decoded;
  }

  #frame(context: ContextLog, place: BlockPlace): ReadFrame {
    const frame = this.#log.read(place);
    if (frame === null) throw this.#damage(context, place, "the bytes of the block differ from their hash");
    return frame;
  }

  #checked<T>(context: ContextLog, place: BlockPlace, decode: () => T): T {
    try {
      return decode();
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code !== "ERR_BLOCK") throw error;
      throw this.#damage(context, place, error.message);
    }
  }

  #damageAt(context: ContextLog, version: number, what: string): IoasisError {
    const place = this.#pages.at(context, version);
    return place === null ? context.damaged() : this.#damage(context, place, what);
  }

  #damage(context: ContextLog, { segment, offset, firstVersion: version }: BlockPlace, what: string): IoasisError {
    context.breakOff({ file: this.#log.fileOf(segment), offset, version, context: context.name, what }, version);
    return context.damaged();
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
