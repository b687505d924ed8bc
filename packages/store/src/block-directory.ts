/**
 * Where the blocks of one context lie: of each page of neighbouring blocks where it begins, 20 bytes in columns.
 *
 * The log itself says the rest: `BlockPages` reads a page's frames when one of its blocks is wanted. So the
 * directory grows with the bytes of the log and not with its blocks: a history of 100 million appends of one
 * event each has 400,000 pages (8 MB), one of 10 million events in appends of 4,096 some hundred.
 */
import type { Border } from "./frame-log.ts";
import { PAGE_BLOCKS_MAX, PAGE_BYTES_MAX, PAGE_DISTANCE_MAX } from "./limits.ts";

/** Where a page begins. */
export interface PageStart extends Border {
  readonly firstVersion: number;
  /** Of the frame of its first block. */
  readonly sequence: number;
}

/** A block as the directory is told of it. */
export interface NewBlock extends PageStart {
  /** Bytes of its payload. */
  readonly length: number;
}

/** The columns as little-endian bytes. */
export interface DirectoryBytes {
  readonly firstVersion: Uint8Array;
  readonly segment: Uint8Array;
  readonly offset: Uint8Array;
  readonly sequence: Uint8Array;
}

export class BlockDirectory {
  /** Pages. */
  length = 0;
  #firstVersion = new Float64Array(4);
  #segment = new Uint32Array(4);
  #offset = new Uint32Array(4);
  #sequence = new Uint32Array(4);
  /** What the newest page holds already; full at first, so that the next block begins one. */
  #blocks = PAGE_BLOCKS_MAX;
  #bytes = 0;

  /** Takes the next block. `contexts`: how many share the log, and so lie between two blocks of one. */
  push({ firstVersion, segment, offset, sequence, length }: NewBlock, contexts: number): void {
    const newest = this.length - 1;
    const isNear =
      this.#segment[newest] === segment &&
      offset - (this.#offset[newest] as number) < PAGE_DISTANCE_MAX * Math.max(1, contexts);
    if (isNear && this.#blocks < PAGE_BLOCKS_MAX && this.#bytes < PAGE_BYTES_MAX) {
      this.#blocks++;
      this.#bytes += length;
      return;
    }
    if (this.length === this.#segment.length) this.#grow(this.length * 2);
    this.#firstVersion[this.length] = firstVersion;
    this.#segment[this.length] = segment;
    this.#offset[this.length] = offset;
    this.#sequence[this.length++] = sequence;
    this.#blocks = 1;
    this.#bytes = length;
  }

  start(page: number): PageStart {
    return {
      firstVersion: this.#firstVersion[page] as number,
      segment: this.#segment[page] as number,
      offset: this.#offset[page] as number,
      sequence: this.#sequence[page] as number,
    };
  }

  /** The page that holds `version`: the newest one for all above; -1 below the first. */
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

  /** Last version of a page in a history that ends at `end`. */
  lastVersion(page: number, end: number): number {
    return page + 1 < this.length ? (this.#firstVersion[page + 1] as number) - 1 : end;
  }

  save(): DirectoryBytes {
    const { length } = this;
    return {
      firstVersion: bytesOf(this.#firstVersion, length),
      segment: bytesOf(this.#segment, length),
      offset: bytesOf(this.#offset, length),
      sequence: bytesOf(this.#sequence, length),
    };
  }

  /** Takes the place of what there is; the next block begins a page. */
  restore({ firstVersion, segment, offset, sequence }: DirectoryBytes): void {
    this.length = segment.length / Uint32Array.BYTES_PER_ELEMENT;
    this.#blocks = PAGE_BLOCKS_MAX;
    this.#grow(Math.max(4, this.length));
    new Uint8Array(this.#firstVersion.buffer).set(firstVersion);
    new Uint8Array(this.#segment.buffer).set(segment);
    new Uint8Array(this.#offset.buffer).set(offset);
    new Uint8Array(this.#sequence.buffer).set(sequence);
  }

  #grow(capacity: number): void {
    this.#firstVersion = grown(this.#firstVersion, new Float64Array(capacity));
    this.#segment = grown(this.#segment, new Uint32Array(capacity));
    this.#offset = grown(this.#offset, new Uint32Array(capacity));
    this.#sequence = grown(this.#sequence, new Uint32Array(capacity));
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from);
  return to;
}

function bytesOf(column: Float64Array | Uint32Array, length: number): Uint8Array {
  return new Uint8Array(column.buffer, 0, length * column.BYTES_PER_ELEMENT).slice();
}
