/** Plays a recording at N times the speed at which it was made. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Stamp } from "@ioasis/core";

/** The importer stops to wait only when it is this far ahead, so that it still works in batches. */
const AHEAD_MS_MIN = 5;

export class Pace {
  readonly #speed: number;
  #clock: string | null = null;
  #firstMs = 0;
  #startedMs = 0;
  #dueMs = 0;

  /** @param speed times the recorded speed, above 0 */
  constructor(speed: number) {
    this.#speed = speed;
  }

  see(stamp: Stamp | null): void {
    if (stamp === null) return;
    const ms = (Number(stamp.ticks) / 10 ** stamp.decimals) * 1000;
    if (stamp.clock !== this.#clock) {
      this.#clock = stamp.clock;
      this.#firstMs = ms;
      this.#startedMs = performance.now();
    }
    this.#dueMs = this.#startedMs + (ms - this.#firstMs) / this.#speed;
  }

  isAhead(): boolean {
    return this.#dueMs - performance.now() >= AHEAD_MS_MIN;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const ms = this.#dueMs - performance.now();
    if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}
