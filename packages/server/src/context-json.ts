/** A context as `contexts` shows it. */
import { spaceDigest } from "@ioasis/codec";
import { IoasisError, type ProfileName } from "@ioasis/core";
import { type Branch, branches, isMigrating } from "@ioasis/migration";
import type { ContextInfo, Epoch, Journal, ReplicaId } from "@ioasis/store";

/**
 * - `owned`: this replica owns the newest epoch and may append.
 * - `sealed`: it sealed the newest epoch, and the migration is under way in this process.
 * - `in-doubt`: it sealed the newest epoch, and nothing is under way: nobody may append.
 * - `fenced`: it owned an earlier epoch; another replica claimed the next.
 * - `replica`: it never owned an epoch.
 */
export type ContextStanding = "owned" | "replica" | "sealed" | "in-doubt" | "fenced";

export interface ContextLine {
  readonly context: string;
  readonly profile: ProfileName;
  readonly versions: number;
  readonly epoch: number;
  readonly owner: ReplicaId;
  readonly state: ContextStanding;
  /** RFC 3339: when the seal was made that the state comes from; null where none is. */
  readonly since: string | null;
  readonly digest: string;
  /** Null where the history is damaged, so that there is no state to take a digest of. */
  readonly spaceDigest: string | null;
  readonly branches: readonly Branch[];
}

/** @throws IoasisError ERR_NO_CONTEXT */
export function contextLine(journal: Journal, name: string): ContextLine {
  const info = journal.context(name);
  if (info === null) throw new IoasisError("ERR_NO_CONTEXT", `the journal has no context "${name}"`, { context: name });
  const { profile, head, epochs, damagedFrom } = info;
  const newest = epochs.at(-1);
  const state = standing(journal, info);
  return {
    context: name,
    profile,
    versions: head.version,
    epoch: newest?.epoch ?? 0,
    owner: newest?.owner ?? "",
    state,
    since: sinceOf(state, epochs, journal.replica),
    digest: head.digest,
    spaceDigest: damagedFrom === null ? spaceDigest(journal.live(name)) : null,
    branches: branches(epochs, head),
  };
}

function standing(journal: Journal, { name, epochs }: ContextInfo): ContextStanding {
  const newest = epochs.at(-1);
  if (newest?.owner === journal.replica) {
    if (newest.sealed === null) return "owned";
    return isMigrating(journal, name) ? "sealed" : "in-doubt";
  }
  return epochs.some(({ owner }) => owner === journal.replica) ? "fenced" : "replica";
}

function sinceOf(state: ContextStanding, epochs: readonly Epoch[], replica: ReplicaId): string | null {
  if (state === "owned" || state === "replica") return null;
  return epochs.findLast(({ owner, sealed }) => owner === replica && sealed !== null)?.sealed?.since ?? null;
}
