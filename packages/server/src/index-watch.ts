/** Builds the history index of what comes in while a server runs, between other work. */
import { IoasisError } from "@ioasis/core";
import { indexOf, keepIndex } from "@ioasis/history";
import type { Journal } from "@ioasis/store";

const LOOK_MS = 5_000;
/** About what makes a chapter: a context that has grown by less can wait. */
const VERSIONS_MIN = 65_536;

export interface IndexWatch {
  /** Resolves when the step under way is done. Idempotent. */
  close(): Promise<void>;
}

export function watchIndex(journal: Journal, onFailure: (message: string) => void): IndexWatch {
  const end = new AbortController();
  let work = Promise.resolve();
  let isBusy = false;
  const timer = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    work = indexGrown(journal, end.signal).then(
      () => {
        isBusy = false;
      },
      // The journal serves on without: it stays so until the next start.
      (error: unknown) => onFailure(error instanceof Error ? error.message : String(error)),
    );
  }, LOOK_MS);
  timer.unref();
  return {
    async close() {
      clearInterval(timer);
      end.abort();
      await work;
    },
  };
}

async function indexGrown(journal: Journal, signal: AbortSignal): Promise<void> {
  for (const { name, head, damagedFrom } of journal.contexts()) {
    if (signal.aborted) return;
    if (damagedFrom !== null || head.version < VERSIONS_MIN) continue;
    if (head.version - indexOf(journal, name).savedVersion < VERSIONS_MIN) continue;
    try {
      await keepIndex(journal, name, { signal });
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code !== "ERR_DAMAGED") throw error;
    }
  }
}
