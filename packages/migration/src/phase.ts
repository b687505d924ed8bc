/**
 * Where a migration stands, as total tables: every trigger in every phase has an answer, null
 * meaning that it cannot happen there. Pure. See ../SPEC.md 3 for the pictures.
 */
import { IoasisError } from "@ioasis/core";

export type SourcePhase =
  /** Offered; nothing has changed anywhere. */
  | "offer"
  /** The destination catches up while events are still appended here. */
  | "precopy"
  /** The feed is through or none was given; rounds of `prepare` until the rest fits the limit. */
  | "converge"
  /** Sealed durably; told; nobody may append. */
  | "fence"
  | "completed"
  | "refused"
  /** This replica owns the context, in the old epoch or (after a release) in the next. */
  | "rolled-back"
  | "in-doubt";

export type SourceTrigger =
  | "accepted"
  | "refused"
  | "fed"
  /** The rest does not get small enough, the states differ, or the caller gave up. */
  | "gave-up"
  | "sealed"
  | "claimed"
  | "released"
  /** The connection is gone or the destination does not answer. */
  | "lost";

export const SOURCE_TABLE: Readonly<Record<SourcePhase, Readonly<Record<SourceTrigger, SourcePhase | null>>>> = {
  offer: {
    accepted: "precopy",
    refused: "refused",
    fed: null,
    "gave-up": "rolled-back",
    sealed: null,
    // A migration that broke off is taken up again: the destination may have decided long ago.
    claimed: "completed",
    released: "rolled-back",
    lost: "rolled-back",
  },
  precopy: ending({ fed: "converge", "gave-up": "rolled-back", lost: "rolled-back" }),
  converge: ending({ "gave-up": "rolled-back", sealed: "fence", lost: "rolled-back" }),
  fence: ending({ claimed: "completed", released: "rolled-back", lost: "in-doubt" }),
  completed: ending({}),
  refused: ending({}),
  "rolled-back": ending({}),
  // Only another `migrate` goes on from here, and it starts at `offer`.
  "in-doubt": ending({}),
};

export type DestinationPhase =
  | "offered"
  /** Following; the source owns the epoch. */
  | "following"
  /** Told of the seal, and still without a part of what lies before it. */
  | "sealed"
  | "claimed"
  | "released";

export type DestinationTrigger = "accept" | "seal" | "verified" | "differs" | "cancel";

export const DESTINATION_TABLE: Readonly<
  Record<DestinationPhase, Readonly<Record<DestinationTrigger, DestinationPhase | null>>>
> = {
  offered: { accept: "following", seal: null, verified: null, differs: null, cancel: null },
  following: { accept: null, seal: "sealed", verified: null, differs: null, cancel: "released" },
  sealed: { accept: null, seal: "sealed", verified: "claimed", differs: "released", cancel: "released" },
  // A claim and a release are for ever: whatever is asked again is answered by them.
  claimed: { accept: null, seal: "claimed", verified: null, differs: null, cancel: "claimed" },
  released: { accept: null, seal: "released", verified: null, differs: null, cancel: "released" },
};

/** @throws IoasisError ERR_PROTOCOL when `trigger` cannot happen in `phase` */
export function next<P extends string, T extends string>(
  table: Readonly<Record<P, Readonly<Record<T, P | null>>>>,
  phase: P,
  trigger: T,
): P {
  const after = table[phase][trigger];
  if (after === null)
    throw new IoasisError("ERR_PROTOCOL", `"${trigger}" cannot happen in phase "${phase}" of a migration`);
  return after;
}

function ending(
  known: Partial<Record<SourceTrigger, SourcePhase>>,
): Readonly<Record<SourceTrigger, SourcePhase | null>> {
  const none = {
    accepted: null,
    refused: null,
    fed: null,
    "gave-up": null,
    sealed: null,
    claimed: null,
    released: null,
    lost: null,
  };
  return { ...none, ...known };
}
