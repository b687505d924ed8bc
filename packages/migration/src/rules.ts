/**
 * Who may do what with an epoch (../SPEC.md 2). Pure: from the epochs that a journal durably holds
 * to the epoch that it should record next, or to a refusal that changes nothing.
 */
import type { FailureCode } from "@ioasis/core";
import type { Epoch, Point, ReplicaId } from "@ioasis/store";

export interface Refusal {
  readonly code: FailureCode;
  readonly reason: string;
}

/** What a rule says: the epoch to record, or why not. */
export type Ruling = { readonly epoch: Epoch } | Refusal;

export function isRefusal(ruling: Ruling | Refusal): ruling is Refusal {
  return "code" in ruling;
}

/** Rule 1: only the owner of the newest epoch, and only before its seal. */
export function mayAppend(epochs: readonly Epoch[], replica: ReplicaId): Ruling {
  const newest = epochs.at(-1);
  if (newest === undefined) return notOwner("it has no epoch yet");
  const { epoch, owner, sealed } = newest;
  if (sealed !== null)
    return notOwner(
      `epoch ${epoch} was sealed at version ${sealed.at.version} for ${sealed.successor}, since ${sealed.since}`,
    );
  if (owner !== replica) return notOwner(`epoch ${epoch} is owned by ${owner}`);
  return { epoch: newest };
}

export interface SealRequest {
  readonly replica: ReplicaId;
  readonly head: Point;
  readonly successor: ReplicaId;
  readonly migration: string;
  /** RFC 3339 */
  readonly since: string;
}

/** Rule 2: by the owner, at its head, once, for one named other replica. */
export function seal(epochs: readonly Epoch[], request: SealRequest): Ruling {
  const { replica, head, successor, migration, since } = request;
  const may = mayAppend(epochs, replica);
  if (isRefusal(may)) return may;
  if (successor === replica) return refusal("ERR_PROTOCOL", "an epoch is not sealed for its own owner");
  if (head.version < may.epoch.from.version)
    return refusal("ERR_STALE", `the head is behind version ${may.epoch.from.version}, at which the epoch begins`);
  return { epoch: { ...may.epoch, sealed: { at: head, successor, migration, since, isReleased: false } } };
}

/** Rules 4 and 5: the named successor, or the sealer after a release; only with all of the sealed history. */
export function claim(epochs: readonly Epoch[], replica: ReplicaId, held: Point): Ruling {
  const newest = epochs.at(-1);
  if (newest === undefined) return notOwner("it has no epoch yet");
  const { epoch, owner, sealed } = newest;
  if (sealed === null) return notOwner(`epoch ${epoch} of ${owner} is not sealed`);
  if (sealed.isReleased && replica !== owner)
    return notOwner(`${sealed.successor} gave up its claim: only ${owner} may go on`);
  if (!sealed.isReleased && replica !== sealed.successor)
    return notOwner(`epoch ${epoch} was sealed for ${sealed.successor}, which has not given up its claim`);
  const { at } = sealed;
  if (held.version !== at.version)
    return refusal("ERR_STALE", `version ${held.version} is held, the seal is at version ${at.version}`);
  if (held.digest !== at.digest)
    return refusal("ERR_FORK", `the history held at version ${at.version} has another digest than the sealed one`);
  return { epoch: { epoch: epoch + 1, owner: replica, from: at, sealed: null, takeoverReason: null } };
}

/** Rule 5: the named successor promises, for ever, not to claim for this migration. */
export function release(epochs: readonly Epoch[], replica: ReplicaId): Ruling {
  const newest = epochs.at(-1);
  const named = epochs.findLast(({ sealed }) => sealed?.successor === replica);
  if (newest === undefined || named === undefined || named.sealed === null)
    return refusal("ERR_NOT_OWNER", `no epoch was sealed for ${replica}: there is nothing to release`);
  if (newest.epoch !== named.epoch) {
    const { epoch, owner } = newest;
    return refusal("ERR_NOT_OWNER", `epoch ${epoch} was claimed by ${owner}: to give the context back, migrate it`);
  }
  return { epoch: { ...named, sealed: { ...named.sealed, isReleased: true } } };
}

/** Rule 6: the sealer goes on alone, two epochs later, because an operator answers for the successor. */
export function takeover(epochs: readonly Epoch[], replica: ReplicaId, held: Point, reason: string): Ruling {
  const newest = epochs.at(-1);
  if (reason.trim() === "") return refusal("ERR_USAGE", "a takeover needs a reason, which is kept");
  if (newest === undefined) return notOwner("it has no epoch yet");
  const { epoch, owner, sealed } = newest;
  if (sealed === null)
    return owner === replica
      ? refusal("ERR_OWNER_HERE", `epoch ${epoch} is owned here already`)
      : notOwner(`epoch ${epoch} is owned by ${owner}, which claimed it: have it migrated back`);
  if (owner !== replica) return notOwner(`epoch ${epoch} was sealed by ${owner}: only there can it be taken over`);
  if (sealed.isReleased)
    return refusal(
      "ERR_OWNER_HERE",
      `${sealed.successor} gave up its claim: migrate or append again, no takeover is needed`,
    );
  if (held.version !== sealed.at.version || held.digest !== sealed.at.digest)
    return refusal("ERR_STALE", `version ${held.version} is held, the seal is at version ${sealed.at.version}`);
  return { epoch: { epoch: epoch + 2, owner: replica, from: sealed.at, sealed: null, takeoverReason: reason } };
}

function notOwner(reason: string): Refusal {
  return { code: "ERR_NOT_OWNER", reason };
}

function refusal(code: FailureCode, reason: string): Refusal {
  return { code, reason };
}
