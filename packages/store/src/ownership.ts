/** Who may append, and which epochs may follow which. Pure. */
import { IoasisError } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import type { Epoch, Point, ReplicaId, Seal } from "./journal.ts";

/** @throws IoasisError ERR_NOT_OWNER unless `replica` may append in `epoch` */
export function checkOwner({ name, tail }: ContextLog, replica: ReplicaId, epoch: number): void {
  const newest = tail.epochs.at(-1);
  const reason = refusalOf(newest ?? null, replica, epoch);
  if (reason === null) return;
  throw new IoasisError("ERR_NOT_OWNER", `cannot append to context "${name}": ${reason}`, {
    context: name,
    replica,
    ...(newest === undefined ? {} : { epoch: newest.epoch, owner: newest.owner }),
    ...(newest?.sealed ? { successor: newest.sealed.successor } : {}),
  });
}

function refusalOf(newest: Epoch | null, replica: ReplicaId, epoch: number): string | null {
  if (newest === null) return "it has no epoch yet, so nobody owns it";
  const { owner, sealed } = newest;
  if (sealed !== null) {
    const fence = `epoch ${newest.epoch} was sealed at version ${sealed.at.version} by migration ${sealed.migration}`;
    return sealed.isReleased
      ? `${fence}, and ${sealed.successor} gave up its claim. Claim the next epoch first`
      : `${fence}: ${sealed.successor} is to own the next epoch. Append there`;
  }
  if (owner !== replica)
    return `epoch ${newest.epoch} is owned by ${owner}, and this is ${replica}. Append there, or migrate it here`;
  if (epoch !== newest.epoch)
    return `it is in epoch ${newest.epoch}, the events are of epoch ${epoch}. Read its state again`;
  return null;
}

/**
 * What `epoch` changes of those that the context has.
 * @returns false when it says nothing new
 * @throws IoasisError ERR_PROTOCOL, ERR_STALE; see `Journal.recordEpoch`
 */
export function checkEpoch({ name, tail }: ContextLog, replica: ReplicaId, epoch: Epoch): boolean {
  const known = tail.epochs.find((other) => other.epoch === epoch.epoch);
  const against = (rule: string) =>
    new IoasisError("ERR_PROTOCOL", `epoch ${epoch.epoch} of context "${name}" cannot be recorded: ${rule}`, {
      context: name,
      epoch: epoch.epoch,
    });
  const isHere = (point: Point) => point.version === tail.version && point.digest === tail.digest;
  const stale = (verb: string, point: Point) =>
    new IoasisError(
      "ERR_STALE",
      `epoch ${epoch.epoch} of context "${name}" cannot be ${verb} at version ${point.version}: this journal holds ` +
        `version ${tail.version}${point.version === tail.version ? " with another digest" : ""}. Catch up first`,
      { context: name, epoch: epoch.epoch, version: tail.version },
    );
  if (known === undefined) {
    const newest = tail.epochs.at(-1)?.epoch ?? 0;
    const gapMax = epoch.takeoverReason === null ? 0 : 1;
    if (epoch.epoch <= newest || epoch.epoch > newest + 1 + gapMax) throw against(`the newest known is ${newest}`);
    if (epoch.owner === replica && !isHere(epoch.from)) throw stale("claimed", epoch.from);
  } else {
    if (known.owner !== epoch.owner) throw against(`${known.owner} owns it`);
    if (!samePoint(known.from, epoch.from)) throw against(`it starts at version ${known.from.version}`);
    if (known.takeoverReason !== epoch.takeoverReason) throw against("whether it was taken over is settled");
    if (known.sealed !== null) return checkSeal(known.sealed, epoch.sealed, against);
  }
  if (epoch.sealed !== null && epoch.owner === replica && !isHere(epoch.sealed.at))
    throw stale("sealed", epoch.sealed.at);
  return known === undefined || epoch.sealed !== null;
}

function checkSeal(known: Seal, next: Seal | null, against: (rule: string) => IoasisError): boolean {
  if (next === null) throw against("its seal cannot be taken back");
  const isSame =
    samePoint(known.at, next.at) && known.successor === next.successor && known.migration === next.migration;
  if (!isSame) throw against(`it is sealed at version ${known.at.version} for ${known.successor} already`);
  if (known.isReleased && !next.isReleased) throw against("its successor's release cannot be taken back");
  return known.isReleased !== next.isReleased;
}

function samePoint(a: Point, b: Point): boolean {
  return a.version === b.version && a.digest === b.digest;
}
