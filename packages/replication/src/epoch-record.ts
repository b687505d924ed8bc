/**
 * An epoch as records of a ledger document: claimed, then perhaps sealed, then perhaps released.
 * The records follow from the epoch alone, so every replica that knows it writes the same bytes.
 */
import { blockHash, pack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { Epoch, Point, ReplicaId, Seal } from "@ioasis/store";
import { type Fields, packedFields } from "./fields.ts";
import { isSamePoint, pointOf } from "./records.ts";

export interface WrittenRecord {
  /** Automerge actor that the record is written under. */
  readonly actor: string;
  readonly bytes: Uint8Array;
}

/** The actor of what `replica` writes in `epoch`, 32 hex digits. */
export function actorOf(replica: ReplicaId, epoch: number): string {
  return blockHash(pack([replica, epoch])).slice(0, 32);
}

export function recordsOf({ epoch, owner, from, takeoverReason, sealed }: Epoch): readonly WrittenRecord[] {
  const actor = actorOf(owner, epoch);
  const records = [{ actor, bytes: pack({ kind: "claimed", owner, from: plain(from), takeoverReason }) }];
  if (sealed === null) return records;
  const { at, successor, migration, since, isReleased } = sealed;
  records.push({ actor, bytes: pack({ kind: "sealed", at: plain(at), successor, migration, since }) });
  if (isReleased) records.push({ actor: actorOf(successor, epoch), bytes: pack({ kind: "released", migration }) });
  return records;
}

/** Order of fields is part of the bytes. */
function plain({ version, digest }: Point): Point {
  return { version, digest };
}

/**
 * The epoch that the records of its document add up to; null when there are none.
 * @throws IoasisError ERR_FORK when two replicas claimed it or it was sealed twice, ERR_PROTOCOL
 */
export function epochFrom(epoch: number, records: readonly Uint8Array[]): Epoch | null {
  let claim: Pick<Epoch, "owner" | "from" | "takeoverReason"> | null = null;
  let seal: Omit<Seal, "isReleased"> | null = null;
  let isReleased = false;
  for (const bytes of records) {
    const fields = packedFields(bytes, `ledger record of epoch ${epoch}`);
    const kind = fields.text("kind");
    if (kind === "claimed") claim = sameClaim(epoch, claim, claimOf(fields));
    else if (kind === "sealed") seal = sameSeal(epoch, seal, sealOf(fields));
    else if (kind === "released") isReleased = true;
    else throw new IoasisError("ERR_PROTOCOL", `ledger record of epoch ${epoch} has the unknown kind ${kind}`);
  }
  if (claim === null) return null;
  return { epoch, ...claim, sealed: seal === null ? null : { ...seal, isReleased } };
}

type Claim = Pick<Epoch, "owner" | "from" | "takeoverReason">;

function claimOf(fields: Fields): Claim {
  return {
    owner: fields.text("owner"),
    from: pointOf(fields.inner("from")),
    takeoverReason: fields.textOrNull("takeoverReason"),
  };
}

function sealOf(fields: Fields): Omit<Seal, "isReleased"> {
  return {
    at: pointOf(fields.inner("at")),
    successor: fields.text("successor"),
    migration: fields.text("migration"),
    since: fields.text("since"),
  };
}

function sameClaim(epoch: number, known: Claim | null, next: Claim): Claim {
  if (known === null || (known.owner === next.owner && isSamePoint(known.from, next.from))) return next;
  const message = `epoch ${epoch} was claimed twice: by ${known.owner} and by ${next.owner}`;
  throw new IoasisError("ERR_FORK", message, { epoch, version: Math.min(known.from.version, next.from.version) + 1 });
}

function sameSeal<S extends Omit<Seal, "isReleased">>(epoch: number, known: S | null, next: S): S {
  if (known === null || (known.migration === next.migration && isSamePoint(known.at, next.at))) return next;
  const message = `epoch ${epoch} was sealed twice: at version ${known.at.version} and at version ${next.at.version}`;
  throw new IoasisError("ERR_FORK", message, { epoch, version: Math.min(known.at.version, next.at.version) + 1 });
}
