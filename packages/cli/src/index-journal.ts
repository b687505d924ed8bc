/** The history index of what a command appended, saved before the command ends. */
import { IoasisError } from "@ioasis/core";
import { keepIndex } from "@ioasis/history";
import type { Journal } from "@ioasis/store";
import type { World } from "./world.ts";

const BETWEEN_MS_MIN = 100;

/** By context: its newest version. */
export type Heads = ReadonlyMap<string, number>;

export function headsOf(journal: Journal): Heads {
  return new Map(journal.contexts().map(({ name, head }) => [name, head.version]));
}

/** Contexts that have grown since `before`. What is not saved is built again by whoever asks, so that it is no failure. */
export async function indexAppended(world: World, journal: Journal, before: Heads): Promise<void> {
  for (const { name, head, damagedFrom } of journal.contexts()) {
    if (world.signal.aborted) return;
    if (damagedFrom !== null || head.version === (before.get(name) ?? 0)) continue;
    const line = new IndexLine(world, name, head.version);
    try {
      await keepIndex(journal, name, { signal: world.signal, onProgress: (version) => line.show(version) });
    } catch (error) {
      if (!(error instanceof IoasisError)) throw error;
      world.err(`the index of ${name} was not saved, questions will take longer: ${error.message}\n`);
    } finally {
      line.clear();
    }
  }
}

/** Says how far it is, where stderr is a terminal. */
class IndexLine {
  readonly #world: World;
  readonly #text: (version: number) => string;
  #shownMs = performance.now();
  #width = 0;

  constructor(world: World, context: string, head: number) {
    this.#world = world;
    this.#text = (version) =>
      `${context}: index at version ${version.toLocaleString("en")} of ${head.toLocaleString("en")}`;
  }

  show(version: number): void {
    const now = performance.now();
    if (!this.#world.isTerminal || now - this.#shownMs < BETWEEN_MS_MIN) return;
    this.#shownMs = now;
    const text = this.#text(version);
    this.#world.err(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  clear(): void {
    if (this.#width > 0) this.#world.err(`\r${" ".repeat(this.#width)}\r`);
  }
}
