/** What a replica records of epochs that it learns from a ledger. */
import { IoasisError } from "@ioasis/core";
import type { Epoch, Journal, Point } from "@ioasis/store";
import type { Ledger } from "./ledger.ts";
import { isSamePoint } from "./records.ts";

/**
 * Records what the ledger knows of epochs and the journal does not, as far as the journal holds
 * the history that they speak of. Of an epoch that this replica owns it learns only that its
 * named successor gave up; it never claims one.
 * @throws IoasisError ERR_FORK when ledger and journal contradict each other
 */
export async function adoptEpochs(journal: Journal, context: string, ledger: Ledger): Promise<void> {
  for (const heard of ledger.epochs()) {
    const info = journal.context(context);
    if (info === null) return;
    const known = info.epochs.find(({ epoch }) => epoch === heard.epoch);
    if (known === undefined) {
      if (!canBegin(journal, context, info.epochs, heard)) return;
      // Its seal is recorded once its blocks are here.
      await journal.recordEpoch(context, { ...heard, sealed: null });
    }
    const now = known ?? { ...heard, sealed: null };
    checkSame(context, now, heard);
    if (!isNews(journal, context, now, heard)) continue;
    await journal.recordEpoch(context, heard);
  }
}

function canBegin(journal: Journal, context: string, epochs: readonly Epoch[], heard: Epoch): boolean {
  if (heard.owner === journal.replica) {
    const message = `the ledger of "${context}" says that this replica owns epoch ${heard.epoch}, which its journal does not know: the journal was copied or restored`;
    throw new IoasisError("ERR_FORK", message, { context, epoch: heard.epoch });
  }
  const newest = epochs.at(-1);
  if (newest === undefined) return heard.epoch === 1;
  const isNext =
    heard.epoch === newest.epoch + 1 || (heard.takeoverReason !== null && heard.epoch === newest.epoch + 2);
  return isNext && (newest.sealed !== null || heard.takeoverReason !== null) && holds(journal, context, heard.from);
}

function isNews(journal: Journal, context: string, known: Epoch, heard: Epoch): boolean {
  if (heard.sealed === null) return false;
  if (known.sealed !== null) return heard.sealed.isReleased && !known.sealed.isReleased;
  return known.owner !== journal.replica && holds(journal, context, heard.sealed.at);
}

function holds(journal: Journal, context: string, point: Point): boolean {
  const head = journal.context(context)?.head;
  if (head === undefined || head.version < point.version) return false;
  if (journal.digest(context, point.version) === point.digest) return true;
  const message = `the history of "${context}" here and the one of its ledger differ at version ${point.version}`;
  throw new IoasisError("ERR_FORK", message, { context, version: point.version });
}

function checkSame(context: string, known: Epoch, heard: Epoch): void {
  const isSame =
    known.owner === heard.owner &&
    isSamePoint(known.from, heard.from) &&
    (known.sealed === null || heard.sealed === null || known.sealed.migration === heard.sealed.migration);
  if (isSame) return;
  const message = `epoch ${heard.epoch} of "${context}" is ${known.owner}'s here and ${heard.owner}'s in the ledger, or ended otherwise`;
  throw new IoasisError("ERR_FORK", message, { context, epoch: heard.epoch });
}
