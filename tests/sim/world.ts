/**
 * Time, chance and order of a simulated run: everything that happens, happens because this clock called it.
 *
 * Between two calls the code under test runs until it waits for the clock again; so a seed decides the whole run.
 */

interface Call {
  readonly atMs: number;
  /** Calls of one moment come in the order in which they were asked for. */
  readonly order: number;
  readonly run: () => void;
}

export class World {
  nowMs = 0;
  /** What happened, for people; the last lines explain a violation. */
  readonly trace: string[] = [];
  #calls: Call[] = [];
  #order = 0;
  #state: number;

  constructor(seed: number) {
    // Seeds that lie together must not make runs that look alike.
    this.#state = (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) ^ seed) >>> 0;
    for (let i = 0; i < 4; i++) this.chance();
  }

  /** A number in [0, 1). mulberry32. */
  chance(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.chance() * below);
  }

  between(low: number, high: number): number {
    return low + this.chance() * (high - low);
  }

  /** `digits` hex digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join("");
  }

  /** Calls `run` after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void {
    const call = { atMs: this.nowMs + Math.max(0, ms), order: this.#order++, run };
    this.#calls.push(call);
    return () => {
      this.#calls = this.#calls.filter((other) => other !== call);
    };
  }

  note(text: string): void {
    this.trace.push(`${this.nowMs.toFixed(2).padStart(10)} ms  ${text}`);
  }

  /** Lets everything run that does not wait for the clock, then makes the next call. False: there is none until `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    let next: Call | undefined;
    for (const call of this.#calls)
      if (next === undefined || call.atMs < next.atMs || (call.atMs === next.atMs && call.order < next.order))
        next = call;
    if (next === undefined || next.atMs > untilMs) return false;
    const due = next;
    this.#calls = this.#calls.filter((call) => call !== due);
    this.nowMs = Math.max(this.nowMs, due.atMs);
    due.run();
    return true;
  }
}
