/** Actors and clocks of a chapter: one dictionary out of those of its batches. */
import type { ChapterHead } from "@ioasis/codec";
import { type Actor, type ClockColumn, type EventBatch, TYPE_UNMAP_REFUSED } from "@ioasis/core";

/** By code in the batch: the code in the chapter. 0 is nobody, no clock. */
export interface Codes {
  readonly actors: Uint32Array;
  readonly clocks: Uint32Array;
}

const TICKS_MAX = (1n << 63n) - 1n;

export class ChapterNames {
  readonly #actors: Actor[] = [];
  readonly #actorCodes = new Map<string, number>();
  readonly #clocks: ClockColumn[] = [];
  readonly #clockCodes = new Map<string, number>();
  #leastTicks = new BigInt64Array(8).fill(TICKS_MAX);
  readonly #mappingClocks = new Set<string>();
  /** Of the batch that came last. */
  #codes: (Codes & { readonly batch: EventBatch }) | null = null;

  codesOf(batch: EventBatch): Codes {
    if (this.#codes?.batch === batch) return this.#codes;
    const { actors, clocks } = batch;
    this.#codes = {
      batch,
      actors: Uint32Array.from([0, ...actors.map((actor) => this.#actorCode(actor))]),
      clocks: Uint32Array.from([0, ...clocks.map((clock) => this.#clockCode(clock))]),
    };
    return this.#codes;
  }

  /** Notes the clock of a row. */
  note({ clock, ticks, type, clocks }: EventBatch, row: number, codes: Codes): void {
    const own = clock[row] as number;
    if (own === 0) return;
    const at = (codes.clocks[own] as number) - 1;
    const reading = ticks[row] as bigint;
    if (reading < (this.#leastTicks[at] as bigint)) this.#leastTicks[at] = reading;
    if ((type[row] as number) <= TYPE_UNMAP_REFUSED) this.#mappingClocks.add((clocks[own - 1] as ClockColumn).clock);
  }

  dictionaries(): Pick<ChapterHead, "actors" | "clocks" | "leastTicks" | "mappingClocks"> {
    return {
      actors: this.#actors,
      clocks: this.#clocks,
      leastTicks: [...this.#leastTicks.subarray(0, this.#clocks.length)],
      mappingClocks: [...this.#mappingClocks],
    };
  }

  #actorCode(actor: Actor): number {
    const key = `${actor.comm}\0${actor.pid}\0${actor.tid}\0${actor.cpu}\0${actor.flags}`;
    const known = this.#actorCodes.get(key);
    if (known !== undefined) return known;
    const code = this.#actors.push(actor);
    this.#actorCodes.set(key, code);
    return code;
  }

  #clockCode(column: ClockColumn): number {
    const key = `${column.decimals}${column.clock}`;
    const known = this.#clockCodes.get(key);
    if (known !== undefined) return known;
    const code = this.#clocks.push(column);
    this.#clockCodes.set(key, code);
    if (code > this.#leastTicks.length) {
      const grown = new BigInt64Array(2 * this.#leastTicks.length).fill(TICKS_MAX);
      grown.set(this.#leastTicks);
      this.#leastTicks = grown;
    }
    return code;
  }
}
