/** The one line on stderr that says how far an import is; nothing where stderr is no terminal. */
import type { World } from "../world.ts";
import type { FileReport } from "./report.ts";

const BETWEEN_MS_MIN = 100;

export class ProgressLine {
  readonly #world: World;
  readonly #file: string;
  readonly #startedMs = performance.now();
  #shownMs = 0;
  #width = 0;

  constructor(world: World, file: string) {
    this.#world = world;
    this.#file = file;
  }

  show({ lines, events }: FileReport): void {
    const now = performance.now();
    if (!this.#world.isTerminal || now - this.#shownMs < BETWEEN_MS_MIN) return;
    this.#shownMs = now;
    const perSecond = Math.round(lines / Math.max((now - this.#startedMs) / 1000, 0.001));
    const text = `${this.#file}: ${lines.toLocaleString("en")} lines, ${events.toLocaleString("en")} events durable, ${perSecond.toLocaleString("en")} lines/s`;
    this.#world.err(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  clear(): void {
    if (this.#width > 0) this.#world.err(`\r${" ".repeat(this.#width)}\r`);
  }
}
