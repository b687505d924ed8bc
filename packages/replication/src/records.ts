/** Points, epochs and block manifests as they come from outside, checked. */
import type { Epoch, Journal, Point, Seal, StoredBlock } from "@ioasis/store";
import type { Fields } from "./fields.ts";

export function pointOf(fields: Fields): Point {
  return { version: fields.count("version"), digest: fields.hash("digest") };
}

export function sealOf(fields: Fields): Seal {
  return {
    at: pointOf(fields.inner("at")),
    successor: fields.text("successor"),
    migration: fields.text("migration"),
    since: fields.text("since"),
    isReleased: fields.flag("isReleased"),
  };
}

export function epochOf(fields: Fields): Epoch {
  const sealed = fields.innerOrNull("sealed");
  return {
    epoch: fields.count("epoch"),
    owner: fields.text("owner"),
    from: pointOf(fields.inner("from")),
    sealed: sealed === null ? null : sealOf(sealed),
    takeoverReason: fields.textOrNull("takeoverReason"),
  };
}

/** What a replica durably holds of a history: the point, and the hash of the block that ends there ("" at version 0). */
export interface Held extends Point {
  readonly hash: string;
}

export function heldOf(fields: Fields): Held {
  return { ...pointOf(fields), hash: fields.hashOrEmpty("hash") };
}

/** What `journal` holds of a context that it has. */
export function heldIn(journal: Journal, context: string): Held {
  const head = journal.context(context)?.head ?? { version: 0, digest: "" };
  return { ...head, hash: blockAt(journal, context, head.version)?.hash ?? "" };
}

/** The block that holds `version`; null where there is none. */
export function blockAt(journal: Pick<Journal, "blocks">, context: string, version: number): StoredBlock | null {
  if (version === 0) return null;
  for (const block of journal.blocks(context, version, version)) return block;
  return null;
}

/** What the ledger says of one block, and by its hash, which the next block names, of all before it. */
export interface Manifest {
  /** SHA-256 of the encoded block: its content address. */
  readonly hash: string;
  readonly epoch: number;
  readonly firstVersion: number;
  readonly count: number;
  /** Digest of the history up to its last version. */
  readonly digest: string;
}

export function manifestOf(fields: Fields): Manifest {
  return {
    hash: fields.hash("hash"),
    epoch: fields.count("epoch"),
    firstVersion: fields.count("firstVersion"),
    count: fields.count("count"),
    digest: fields.hash("digest"),
  };
}

/** The version of the block's last event. */
export function lastVersion({ firstVersion, count }: Pick<Manifest, "firstVersion" | "count">): number {
  return firstVersion + count - 1;
}

export function isSamePoint(a: Point, b: Point): boolean {
  return a.version === b.version && a.digest === b.digest;
}
