/** Journals with a long history, made once for a run and used by several rows. */
import { existsSync, renameSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { EventBatch, IoasisError } from "@ioasis/core";
import { keepIndex } from "@ioasis/history";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { countText } from "../count.ts";
import type { Setting } from "../row.ts";
import { remove } from "../scratch.ts";
import { churnBatches } from "./batches.ts";
import { Churn } from "./churn.ts";

export const GUEST = "guest";
/** Mappings that are live in the histories of most rows. */
export const HISTORY_LIVE = 100_000;
/** Appends that wait for the disk together. */
const UNDER_WAY_MAX = 8;
const PROGRESS_EVENTS = 2_000_000;
/** Changes whenever what a history holds does, so that none of old is taken for a new one. */
const MAKE = 2;

/** @returns the directory of a journal whose context GUEST has `events` versions of a churn at `live` mappings */
export async function history({ scratch, say }: Setting, events: number, live: number): Promise<string> {
  const directory = path.join(scratch.kept, `history-${MAKE}-${countText(events)}-at-${countText(live)}`);
  if (existsSync(directory)) return directory;
  const unfinished = `${directory}.part`;
  remove(unfinished);
  say(`makes a history of ${events.toLocaleString("en")} events at ${live.toLocaleString("en")} live mappings`);
  const journal = await openSegmentJournal(unfinished, { host: os.hostname() });
  try {
    let next = PROGRESS_EVENTS;
    await appendHistory(journal, new Churn(live), events, (done) => {
      if (done < next) return;
      next += PROGRESS_EVENTS;
      say(`${done.toLocaleString("en")} events made`);
    });
    say("indexes it");
    await keepIndex(journal, GUEST);
  } finally {
    await journal.close();
  }
  renameSync(unfinished, directory);
  return directory;
}

/** The event that a history begins with: what is mapped in the space is then known from the beginning. */
export function spaceMade(): EventBatch {
  const batch = new EventBatch(1, 1, 1);
  batch.push({ type: "IoasAllocated", ioas: 0, kernelId: 1 }, { stamp: null, actor: null, errno: null, line: 0 });
  return batch;
}

/** Makes GUEST and appends `events` events to it, several appends under way. */
export async function appendHistory(
  journal: Journal,
  churn: Churn,
  events: number,
  onProgress: (done: number) => void = () => undefined,
): Promise<void> {
  await journal.create(GUEST, "iommufd");
  await journal.append(GUEST, spaceMade());
  await appendAll(journal, churnBatches(churn, 2, events - 1), onProgress);
}

/** Appends batch by batch, UNDER_WAY_MAX of them at a time. Durable when resolved. */
export async function appendAll(
  journal: Journal,
  batches: Iterable<EventBatch>,
  onProgress: (done: number) => void = () => undefined,
): Promise<void> {
  const underWay: Promise<unknown>[] = [];
  for (const batch of batches) {
    const append = journal.append(GUEST, batch);
    append.catch(() => undefined); // Told by the await below.
    underWay.push(append);
    if (underWay.length >= UNDER_WAY_MAX) await underWay.shift();
    onProgress(batch.lastVersion);
  }
  await Promise.all(underWay);
}

/** Opens a history for questions. */
export async function openHistory(directory: string): Promise<Journal> {
  const journal = await openSegmentJournal(directory, { host: os.hostname(), readOnly: true });
  if (journal.context(GUEST) !== null) return journal;
  await journal.close();
  throw new IoasisError("ERR_INPUT", `${directory} holds no history: remove it`, { file: directory });
}
