/** Waiting for something to become true, with a limit in time and an end when it no longer can. */
import type { Timers } from "@ioasis/replication";

export class Watch {
  readonly #timers: Timers;
  #failure: { readonly error: unknown } | null = null;
  #waiting: (() => void)[] = [];

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Something may have changed. */
  notify(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** Nothing will change any more: every wait, now and later, throws `error` unless what it looks for is there. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.notify();
  }

  /** What `look` finds, looking again after every `notify`; null when it has found nothing for `ms`. */
  async until<T>(look: () => T | null, ms = Number.POSITIVE_INFINITY): Promise<T | null> {
    const endMs = this.#timers.nowMs() + ms;
    for (;;) {
      const found = look();
      if (found !== null) return found;
      if (this.#failure !== null) throw this.#failure.error;
      const leftMs = endMs - this.#timers.nowMs();
      if (leftMs <= 0) return null;
      await this.#changed(leftMs);
    }
  }

  #changed(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = Number.isFinite(ms) ? this.#timers.after(Math.ceil(ms), resolve) : () => undefined;
      this.#waiting.push(() => {
        cancel();
        resolve();
      });
    });
  }
}
