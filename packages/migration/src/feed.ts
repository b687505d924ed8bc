/** Runs the caller's feed beside a migration. */

export interface RunningFeed {
  /** Settles with the feed; after `abort` a failure of it no longer counts. */
  readonly done: Promise<void>;
  abort(): void;
}

export function runFeed(
  feed: (feed: { advance(): void; readonly signal: AbortSignal }) => Promise<void>,
  advance: () => void,
): RunningFeed {
  const controller = new AbortController();
  const done = feed({ advance, signal: controller.signal }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
  // Whoever awaits `done` sees the failure; until then it must not count as unhandled.
  done.catch(() => undefined);
  return { done, abort: () => controller.abort() };
}
