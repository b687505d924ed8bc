/** The lines of history that a context has: one, and another for every takeover. Pure. */
import type { Epoch, Point, ReplicaId } from "@ioasis/store";

export interface Branch {
  readonly epoch: number;
  readonly owner: ReplicaId;
  /** Last version that the branch shares with the others; 0 for the only one. */
  readonly fromVersion: number;
  /** Of the newest point of the branch that is known here. */
  readonly digest: string;
}

/** The branch that this journal is on comes last. */
export function branches(epochs: readonly Epoch[], head: Point): readonly Branch[] {
  const newest = epochs.at(-1);
  if (newest === undefined) return [];
  const overruled = epochs.flatMap(({ epoch, takeoverReason }) => {
    if (takeoverReason === null) return [];
    const sealed = epochs.findLast((other) => other.epoch < epoch - 1)?.sealed;
    if (sealed === undefined || sealed === null) return [];
    // The claim may have turned up since; without it, its owner and start still follow from the seal.
    const { at, successor } = sealed;
    return [{ epoch: epoch - 1, owner: successor, fromVersion: at.version, digest: at.digest }];
  });
  const taken = epochs.findLast(({ takeoverReason }) => takeoverReason !== null);
  const own = { epoch: newest.epoch, owner: newest.owner, fromVersion: taken?.from.version ?? 0, digest: head.digest };
  return [...overruled, own];
}
