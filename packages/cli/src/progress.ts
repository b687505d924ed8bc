/**
 * Tells on stderr how far a long operation is: on a terminal in one line that is drawn again and again,
 * elsewhere in a line every few seconds, and nothing of what is soon over.
 */
import { type Progress, progressText } from "./format/progress-text.ts";
import type { World } from "./world.ts";

const REDRAW_MS = 100;
const QUIET_MS = 5_000;
const BETWEEN_LINES_MS = 5_000;

export class ProgressReport {
  readonly #world: World;
  readonly #startedMs = performance.now();
  #dueMs: number;
  #width = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dueMs = this.#startedMs + (world.isTerminal ? REDRAW_MS : QUIET_MS);
  }

  /** To be called as often as one likes; `progress` is asked only when it is time to tell. */
  show(progress: () => Omit<Progress, "seconds">): void {
    const now = performance.now();
    if (now < this.#dueMs) return;
    const text = progressText({ ...progress(), seconds: (now - this.#startedMs) / 1000 });
    if (this.#world.isTerminal) {
      this.#world.err(`\r${text.padEnd(this.#width)}`);
      this.#width = text.length;
      this.#dueMs = now + REDRAW_MS;
    } else {
      this.#world.err(`${text}\n`);
      this.#dueMs = now + BETWEEN_LINES_MS;
    }
  }

  /** It is over, or something else is to be said: takes the line away. */
  clear(): void {
    if (this.#width > 0) this.#world.err(`\r${" ".repeat(this.#width)}\r`);
    this.#width = 0;
  }
}
