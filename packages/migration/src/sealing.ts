/** The durable steps of a cutover at its source: the seal, and what the destination decided about it. */
import { IoasisError } from "@ioasis/core";
import type { MessageOf, Timers } from "@ioasis/replication";
import type { Epoch, Journal } from "@ioasis/store";
import { QUIET_ATTEMPTS_MAX } from "./limits.ts";
import { isRefusal, seal } from "./rules.ts";
import { claimNext, contextOf } from "./verbs.ts";

export interface Sealing {
  readonly journal: Journal;
  readonly context: string;
  readonly migration: string;
}

/** The epoch that this replica owned last, sealed or not. @throws IoasisError ERR_NOT_OWNER */
export function newestEpoch({ journal, context }: Pick<Sealing, "journal" | "context">): Epoch {
  const newest = contextOf(journal, context).epochs.at(-1);
  if (newest === undefined) throw new IoasisError("ERR_NOT_OWNER", `"${context}" has no epoch`, { context });
  return newest;
}

/**
 * Waits for a moment at which nothing is on its way to the disk, so that the seal need not wait
 * for it while nobody may append. Somebody who appends without any pause leaves no such moment.
 */
export async function quietMoment({ journal, context }: Sealing): Promise<void> {
  for (let attempt = 0; attempt < QUIET_ATTEMPTS_MAX; attempt++) {
    if (journal.accepted(context).version === contextOf(journal, context).head.version) return;
    // Adopting nothing is durable when everything before it is.
    await journal.adopt(context, []);
  }
}

/**
 * Seals the newest epoch behind everything that was accepted; nothing is accepted from the call on.
 * Durable when resolved, and so is everything before it.
 * @throws IoasisError ERR_NOT_OWNER, ERR_DISK
 */
export async function sealFor(sealing: Sealing, successor: string, timers: Timers): Promise<void> {
  const { journal, context, migration } = sealing;
  const { epochs, version, digest } = journal.accepted(context);
  const since = timers.wallTime();
  const ruling = seal(epochs, { replica: journal.replica, head: { version, digest }, successor, migration, since });
  if (isRefusal(ruling)) throw new IoasisError(ruling.code, ruling.reason, { context });
  await journal.recordEpoch(context, ruling.epoch);
}

/**
 * The destination claimed: from now on this journal names the new owner.
 * @throws IoasisError ERR_PROTOCOL when the claim is not the one that the seal allows
 */
export async function recordClaim(sealing: Sealing, answer: MessageOf<"claimed">): Promise<void> {
  const { sealed, epoch: last } = settled(sealing, answer);
  const { epoch, owner, from } = answer.epoch;
  const isAllowed = epoch === last + 1 && owner === sealed.successor && from.digest === sealed.at.digest;
  if (!isAllowed)
    throw new IoasisError("ERR_PROTOCOL", `the destination claims epoch ${epoch} for ${owner}, against the seal`);
  const { journal, context } = sealing;
  await journal.recordEpoch(context, { epoch, owner, from: sealed.at, sealed: null, takeoverReason: null });
}

/** The destination will never claim: this replica goes on in the next epoch. @throws IoasisError ERR_PROTOCOL */
export async function takeBack(sealing: Sealing, answer: MessageOf<"released">): Promise<void> {
  const { sealed, ...epoch } = settled(sealing, answer);
  const { journal, context } = sealing;
  await journal.recordEpoch(context, { ...epoch, sealed: { ...sealed, isReleased: true } });
  await claimNext(journal, context);
}

function settled(sealing: Sealing, answer: { readonly type: string; readonly migration: string }) {
  const { sealed, ...epoch } = newestEpoch(sealing);
  if (sealed === null || answer.migration !== sealed.migration)
    throw new IoasisError("ERR_PROTOCOL", `the destination answered ${answer.type} for another migration`);
  return { ...epoch, sealed };
}
