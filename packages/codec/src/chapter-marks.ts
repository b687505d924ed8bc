/** When and by whom each version of a chapter was made: columns as they come, pages at its end. */
import type { EventBatch } from "@ioasis/core";
import { PAGE_ROWS } from "./chapter.ts";
import { packPage } from "./packed-page.ts";

const ROWS_MIN = 1024;
const NOTHING = new Uint8Array(0);

export class ChapterMarks {
  length = 0;
  #clock = new Uint32Array(ROWS_MIN);
  #ticks = new BigInt64Array(ROWS_MIN);
  #actor = new Uint32Array(ROWS_MIN);
  #errno = new Uint32Array(ROWS_MIN);

  /** Takes a row of a batch whose clocks and actors have the codes `clocks[code]` and `actors[code]` in the chapter. */
  push({ clock, ticks, actor, errno }: EventBatch, row: number, clocks: Uint32Array, actors: Uint32Array): void {
    const at = this.length++;
    if (at === this.#clock.length) this.#grow();
    this.#clock[at] = clocks[clock[row] as number] as number;
    this.#ticks[at] = ticks[row] as bigint;
    this.#actor[at] = actors[actor[row] as number] as number;
    this.#errno[at] = errno[row] as number;
  }

  *pages(): Generator<Uint8Array> {
    const order = Uint32Array.from({ length: this.length }, (_, row) => row);
    const columns = [
      { words: this.#clock, isWide: false },
      { words: new Uint32Array(this.#ticks.buffer), isWide: true },
      { words: this.#actor, isWide: false },
      { words: this.#errno, isWide: false },
    ];
    for (let from = 0; from < this.length; from += PAGE_ROWS)
      yield packPage(columns, order, from, Math.min(this.length, from + PAGE_ROWS), NOTHING);
  }

  #grow(): void {
    const capacity = 2 * this.#clock.length;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.#clock = grown(new Uint32Array(capacity), this.#clock);
    this.#ticks = grown(new BigInt64Array(capacity), this.#ticks);
    this.#actor = grown(new Uint32Array(capacity), this.#actor);
    this.#errno = grown(new Uint32Array(capacity), this.#errno);
  }
}
