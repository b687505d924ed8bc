/** Points, epochs and block manifests as they come from outside, checked. */
import type { Epoch, Point, Seal } from "@ioasis/store";
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

/** What the ledger says of one block. */
export interface Manifest {
  /** SHA-256 of the encoded block: its content address. */
  readonly hash: string;
  readonly epoch: number;
  readonly firstVersion: number;
  readonly count: number;
  /** Hash of the block before it, "" for the first. */
  readonly previous: string;
  /** Digest of the history up to its last version. */
  readonly digest: string;
  /** Encoded size. */
  readonly size: number;
}

export function manifestOf(fields: Fields): Manifest {
  return {
    hash: fields.hash("hash"),
    epoch: fields.count("epoch"),
    firstVersion: fields.count("firstVersion"),
    count: fields.count("count"),
    previous: fields.hashOrEmpty("previous"),
    digest: fields.hash("digest"),
    size: fields.count("size"),
  };
}

/** The version of the block's last event. */
export function lastVersion(manifest: Manifest): number {
  return manifest.firstVersion + manifest.count - 1;
}

export function isSamePoint(a: Point, b: Point): boolean {
  return a.version === b.version && a.digest === b.digest;
}
