/**
 * The digest of a history: one hash a leaf of 1024 versions, chained.
 *
 * Leaf k holds versions 1024k+1 ... 1024(k+1). With head 0 = 32 zero bytes,
 * head k+1 = SHA-256(head k, canonical bytes of leaf k's rows). The digest at a version inside
 * leaf k is SHA-256(head k, canonical bytes of its rows so far); at version 0 it is head 0.
 * So it depends on the events and their versions only, not on how they were batched.
 */
import { assert, type EventBatch } from "@ioasis/core";
import { bytesToHex } from "@noble/hashes/utils.js";
import { platform } from "#platform";
import { LeafBytes, NamedBatch } from "./canonical-row.ts";
import { damaged } from "./damage.ts";
import { pack, unpack } from "./pack.ts";

/** A hash of the history is taken once per this many versions. */
export const LEAF_VERSIONS = 1024;
/** Digest of an empty history. */
export const EMPTY_DIGEST = "0".repeat(64);

/** The digest of a history, fed batch by batch. */
export class Digest {
  #version = 0;
  #head: Uint8Array = new Uint8Array(32);
  readonly #leaf = new LeafBytes();
  /** Over the head and the first `#hashed` bytes of the leaf. */
  #hasher = platform.sha256();
  #hashed = 0;

  /**
   * @param state of `save()`, to go on from there
   * @throws IoasisError ERR_BLOCK when it is none
   */
  constructor(state?: Uint8Array) {
    if (state !== undefined) this.#restore(state);
    this.#hasher.update(this.#head);
  }

  /** Version up to which it has been fed. */
  get version(): number {
    return this.#version;
  }

  /** Feeds rows [from, to) of the batch; row `from` must be version + 1. */
  feed(batch: EventBatch, from = 0, to = batch.length): void {
    assert(from <= to && to <= batch.length, `rows ${from} to ${to} of ${batch.length}`);
    if (from === to) return;
    assert(batch.firstVersion + from === this.#version + 1, `version ${this.#version + 1} comes next`);
    const named = new NamedBatch(batch);
    for (let row = from; row < to; ) {
      const end = Math.min(to, row + LEAF_VERSIONS - (this.#version % LEAF_VERSIONS));
      this.#leaf.rows(named, row, end);
      this.#version += end - row;
      row = end;
      if (this.#version % LEAF_VERSIONS === 0) this.#close();
    }
  }

  /** Digest of everything fed, 64 hex digits; feeding may go on. */
  value(): string {
    if (this.#leaf.length === 0) return bytesToHex(this.#head);
    this.#hash();
    return bytesToHex(this.#hasher.copy().digest());
  }

  /** Everything needed to go on later (at most a leaf of canonical bytes). */
  save(): Uint8Array {
    const { actors, clocks } = this.#leaf;
    return pack([this.#version, this.#head, this.#leaf.since(0), actors.packed, clocks.packed]);
  }

  #restore(state: Uint8Array): void {
    const fields = unpack(state);
    const [version, head, leaf, actors, clocks] = Array.isArray(fields) ? (fields as unknown[]) : [];
    if (
      !Number.isSafeInteger(version) ||
      Number(version) < 0 ||
      !(head instanceof Uint8Array && head.length === 32 && leaf instanceof Uint8Array) ||
      (Number(version) % LEAF_VERSIONS === 0) !== (leaf.length === 0)
    )
      throw damaged("digest state");
    this.#version = Number(version);
    this.#head = head;
    this.#leaf.raw(leaf);
    for (const name of names(actors)) this.#leaf.actors.numberOf(name);
    for (const name of names(clocks)) this.#leaf.clocks.numberOf(name);
  }

  #hash(): void {
    this.#hasher.update(this.#leaf.since(this.#hashed));
    this.#hashed = this.#leaf.length;
  }

  /** The leaf is full: its hash becomes the head of the next. */
  #close(): void {
    this.#hash();
    this.#head = this.#hasher.digest();
    this.#hasher = platform.sha256();
    this.#hasher.update(this.#head);
    this.#leaf.clear();
    this.#hashed = 0;
  }
}

function names(value: unknown): Uint8Array[] {
  if (Array.isArray(value) && value.length <= LEAF_VERSIONS && value.every((name) => name instanceof Uint8Array))
    return value;
  throw damaged("digest state: names");
}
