/** What a replica records of epochs that a peer tells behind the blocks that they speak of. */
import { IoasisError } from "@ioasis/core";
import type { Accepted, Epoch, Point, ReplicaId } from "@ioasis/store";
import { isSamePoint } from "./records.ts";

/**
 * Those of `heard` that say something new at the end of what was accepted here. Of an epoch that
 * this replica owns it learns only that its named successor gave up; it never claims one. Pure.
 * @throws IoasisError ERR_FORK when they contradict what is known here, ERR_PROTOCOL
 */
export function newsOf(heard: readonly Epoch[], accepted: Accepted, replica: ReplicaId): Epoch[] {
  return heard.filter((epoch) => {
    const known = accepted.epochs.find((other) => other.epoch === epoch.epoch);
    if (known === undefined) {
      checkNew(epoch, accepted, replica);
      return true;
    }
    checkSame(known, epoch);
    if (epoch.sealed === null) return false;
    if (known.sealed !== null) return epoch.sealed.isReleased && !known.sealed.isReleased;
    if (known.owner === replica) return false;
    checkPoint(epoch, "ends", epoch.sealed.at, accepted);
    return true;
  });
}

function checkNew(epoch: Epoch, position: Point, replica: ReplicaId): void {
  if (epoch.owner === replica)
    throw fork(
      epoch,
      `the peer says that this replica owns epoch ${epoch.epoch}, which its journal does not know: the journal was copied or restored`,
    );
  checkPoint(epoch, "begins", epoch.from, position);
}

function checkPoint(epoch: Epoch, verb: string, point: Point, position: Point): void {
  if (isSamePoint(point, position)) return;
  if (point.version === position.version)
    throw fork(
      epoch,
      `epoch ${epoch.epoch} ${verb} at version ${point.version} with another history than the one here`,
    );
  const message = `epoch ${epoch.epoch}, which ${verb} at version ${point.version}, was told at version ${position.version}`;
  throw new IoasisError("ERR_PROTOCOL", message, { epoch: epoch.epoch });
}

function checkSame(known: Epoch, heard: Epoch): void {
  const isSame =
    known.owner === heard.owner &&
    isSamePoint(known.from, heard.from) &&
    (known.sealed === null || heard.sealed === null || known.sealed.migration === heard.sealed.migration);
  if (isSame) return;
  throw fork(
    heard,
    `epoch ${heard.epoch} is ${known.owner}'s here and ${heard.owner}'s to the peer, or ended otherwise: a journal was copied and both copies were written`,
  );
}

function fork({ epoch }: Epoch, message: string): IoasisError {
  return new IoasisError("ERR_FORK", message, { epoch });
}

/** The epochs as they were at `version`, for a peer that holds the history up to there. */
export function epochsAt(epochs: readonly Epoch[], version: number): Epoch[] {
  return epochs
    .filter(({ from }) => from.version <= version)
    .map((epoch) => (epoch.sealed !== null && epoch.sealed.at.version > version ? { ...epoch, sealed: null } : epoch));
}
