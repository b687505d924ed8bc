/** Where the blocks of one context lie, by version: four numbers a block in growing columns. */
import type { Place } from "./frame-log.ts";

export class BlockIndex {
  length = 0;
  #firstVersion = new Float64Array(16);
  #segment = new Uint32Array(16);
  #offset = new Uint32Array(16);
  #bytes = new Uint32Array(16);

  push(firstVersion: number, { segment, offset, length }: Place): void {
    if (this.length === this.#segment.length) this.#grow();
    this.#firstVersion[this.length] = firstVersion;
    this.#segment[this.length] = segment;
    this.#offset[this.length] = offset;
    this.#bytes[this.length++] = length;
  }

  firstVersion(index: number): number {
    return this.#firstVersion[index] as number;
  }

  place(index: number): Place {
    return {
      segment: this.#segment[index] as number,
      offset: this.#offset[index] as number,
      length: this.#bytes[index] as number,
    };
  }

  /** Index of the block that holds `version`; -1 below the first, the newest block above the last. */
  find(version: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#firstVersion[middle] as number) <= version) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #grow(): void {
    const capacity = this.#segment.length * 2;
    this.#firstVersion = grown(this.#firstVersion, new Float64Array(capacity));
    this.#segment = grown(this.#segment, new Uint32Array(capacity));
    this.#offset = grown(this.#offset, new Uint32Array(capacity));
    this.#bytes = grown(this.#bytes, new Uint32Array(capacity));
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}
