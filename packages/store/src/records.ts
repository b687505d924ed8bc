/** What a journal records beside blocks: contexts, their epochs, finished imports. */
import { pack, unpack } from "@ioasis/codec";
import { IoasisError, type ProfileName } from "@ioasis/core";
import type { Epoch, FinishedImport } from "./journal.ts";

/** Each names its context again: where only the head of its frame is damaged, it still tells whose it was. */
export type JournalRecord =
  | {
      readonly kind: "context";
      /** Number of the context in this journal, from 1. */
      readonly context: number;
      readonly name: string;
      readonly id: string;
      readonly profile: ProfileName;
      readonly epochs: readonly Epoch[];
    }
  | { readonly kind: "epoch"; readonly context: number; readonly epoch: Epoch }
  | { readonly kind: "import"; readonly context: 0; readonly finished: FinishedImport };

/** Payload of a leaf frame: `Digest.save()` at a version that is a multiple of LEAF_VERSIONS. */
export interface LeafRecord {
  readonly context: number;
  readonly version: number;
  readonly state: Uint8Array;
}

export function encodeRecord(record: JournalRecord): Uint8Array {
  return pack(record);
}

/** @throws IoasisError ERR_NEWER on a kind that this version does not know, ERR_BLOCK on damage */
export function decodeRecord(payload: Uint8Array): JournalRecord {
  const record = unpack(payload) as JournalRecord;
  if (!["context", "epoch", "import"].includes(record?.kind)) {
    const message = `a record of kind "${String(record?.kind)}" was made by a newer ioasis. Upgrade this one`;
    throw new IoasisError("ERR_NEWER", message);
  }
  return record;
}

export function encodeLeaf(leaf: LeafRecord): Uint8Array {
  return pack(leaf);
}

export function decodeLeaf(payload: Uint8Array): LeafRecord {
  return unpack(payload) as LeafRecord;
}

/** The context that a record or leaf names. @throws IoasisError ERR_BLOCK when the payload is neither */
export function contextOf(payload: Uint8Array): { readonly context: number; readonly isLeaf: boolean } {
  const value = unpack(payload) as Partial<LeafRecord> | null;
  if (typeof value?.context !== "number") throw new IoasisError("ERR_BLOCK", "neither a record nor a leaf");
  return { context: value.context, isLeaf: value.state !== undefined };
}
