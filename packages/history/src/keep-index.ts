/** Building the history index beside other work: block by block, so that nothing waits long for it. */
import { setImmediate as otherWork } from "node:timers/promises";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";

export interface KeepOptions {
  /** Ends the work behind the present block; what was saved is kept, the rest is built another time. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Brings the index of a context up to its head and saves it beside the journal. Chapters that are there are
 * not built again, so that it may be called as often as one likes, and after any crash.
 * @throws IoasisError ERR_DISK, ERR_DAMAGED
 */
export async function keepIndex(journal: Journal, context: string, { signal }: KeepOptions = {}): Promise<void> {
  const index = indexOf(journal, context);
  while (index.step()) {
    await index.save();
    await otherWork();
    if (signal?.aborted === true) return;
  }
  await index.save();
  await index.saveTail();
}
