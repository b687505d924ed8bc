/** Building the history index beside other work: in steps of some milliseconds, so that nothing waits long for it. */
import { setImmediate as otherWork } from "node:timers/promises";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";

/** Fewer new versions than these are not worth a file: a question folds them by itself. */
const VERSIONS_MIN = 4_096;

export interface KeepOptions {
  /** Ends the work behind the present step; what was saved is kept, the rest is built another time. */
  readonly signal?: AbortSignal | undefined;
  /** Called now and then with the newest version that is in the index. */
  readonly onProgress?: (version: number) => void;
}

/**
 * Brings the index of a context up to its head and saves it beside the journal. Chapters that are there are
 * not built again, so that it may be called as often as one likes, and after any crash.
 * @throws IoasisError ERR_DISK, ERR_DAMAGED
 */
export async function keepIndex(journal: Journal, context: string, options: KeepOptions = {}): Promise<void> {
  const { signal, onProgress } = options;
  const index = indexOf(journal, context);
  if (index.head - index.savedVersion < Math.min(VERSIONS_MIN, journal.chapters.rowsMin)) return;
  for (const _step of index.building()) {
    await index.save();
    await otherWork();
    onProgress?.(index.lastVersion);
    if (signal?.aborted === true) return;
  }
  await index.save();
  await index.saveTail();
}
