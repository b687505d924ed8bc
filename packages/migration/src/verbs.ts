/** The cutover rules' verbs for an operator: each asks the rules, then records what they say. */
import { IoasisError } from "@ioasis/core";
import type { ContextInfo, Epoch, Journal } from "@ioasis/store";
import { claim, isRefusal, type Ruling, release as releaseRule, takeover as takeoverRule } from "./rules.ts";

/**
 * This replica, named by a seal, gives up its claim for ever.
 * @throws IoasisError ERR_NO_CONTEXT, ERR_NOT_OWNER (no seal names it, or it has claimed)
 */
export async function release(journal: Journal, context: string): Promise<Epoch> {
  const { epochs } = contextOf(journal, context);
  return record(journal, context, "released", releaseRule(epochs, journal.replica));
}

/**
 * This replica, which sealed, goes on alone although its successor is unreachable. Starts a branch.
 * @throws IoasisError ERR_NO_CONTEXT, ERR_USAGE (no reason), ERR_NOT_OWNER, ERR_OWNER_HERE, ERR_STALE
 */
export async function takeover(journal: Journal, context: string, reason: string): Promise<Epoch> {
  const { epochs, head } = contextOf(journal, context);
  return record(journal, context, "taken over", takeoverRule(epochs, journal.replica, head, reason));
}

/** @throws IoasisError ERR_NOT_OWNER, ERR_STALE, ERR_FORK */
export async function claimNext(journal: Journal, context: string): Promise<Epoch> {
  const { epochs, head } = contextOf(journal, context);
  return record(journal, context, "claimed", claim(epochs, journal.replica, head));
}

export function contextOf(journal: Journal, context: string): ContextInfo {
  const info = journal.context(context);
  if (info === null) throw new IoasisError("ERR_NO_CONTEXT", `the journal has no context "${context}"`, { context });
  return info;
}

async function record(journal: Journal, context: string, verb: string, ruling: Ruling): Promise<Epoch> {
  if (isRefusal(ruling))
    throw new IoasisError(ruling.code, `context "${context}" cannot be ${verb} here: ${ruling.reason}`, { context });
  await journal.recordEpoch(context, ruling.epoch);
  return ruling.epoch;
}
