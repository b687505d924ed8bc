/**
 * The page-table lines inside one call, taken in only where they fit the call: the same task may
 * at the same time do DMA of another device (swap-in while it pins pages, an interrupt).
 */
import type { Iova, Run } from "@ioasis/core";
import type { MapRecord, UnmapRecord } from "./iommu-record.ts";

/** Runs kept of one call. */
export const RUNS_MAX = 1 << 20;

/** The `map` lines of a map call: its pieces in ascending order, once per domain. */
export class MapLines {
  readonly runs: Run[] = [];
  isOverfull = false;
  #next: bigint | null;
  readonly #length: bigint;
  #covered = 0n;

  /** `iova` null: the kernel chooses the address. */
  constructor(iova: bigint | null, length: bigint) {
    this.#next = iova;
    this.#length = length;
  }

  /** False: the line is not of this call. */
  takeMap(map: MapRecord): boolean {
    if (this.#next !== null && map.iova !== this.#next) return this.#isKnown(map);
    if (this.#covered + map.length > this.#length) return false;
    this.#next = map.last + 1n;
    this.#covered += map.length;
    if (this.runs.length >= RUNS_MAX) this.isOverfull = true;
    else this.runs.push({ iova: map.iova as Iova, paddr: map.paddr, length: map.length });
    return true;
  }

  /** A map that fails half way takes back what it had mapped. */
  takeUnmap(unmap: UnmapRecord): boolean {
    return this.#next !== null && unmap.iova < this.#next && unmap.iova >= this.#next - this.#covered;
  }

  /** The same piece again: the container has a second domain. */
  #isKnown(map: MapRecord): boolean {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.runs[middle] as Run).iova <= map.iova) low = middle + 1;
      else high = middle;
    }
    const run = this.runs[low - 1];
    if (run === undefined || this.#next === null || map.last >= this.#next) return false;
    return map.iova - run.iova === map.paddr - run.paddr && map.last < run.iova + run.length;
  }
}

/** The `unmap` lines of an unmap call. */
export class UnmapLines {
  readonly #first: bigint;
  readonly #end: bigint;
  /** Last byte known to be gone. */
  reach: bigint | null = null;

  /** `end` is exclusive. */
  constructor(first: bigint, end: bigint) {
    this.#first = first;
    this.#end = end;
  }

  takeUnmap({ iova, removed }: UnmapRecord): boolean {
    const isAsked = iova >= this.#first && iova < this.#end;
    // Type1 v1 removes the rest of a mapping that the request only began to cover.
    const isTail = this.reach !== null && iova >= this.#first && iova <= this.reach + 1n;
    if (!isAsked && !isTail) return false;
    const last = iova + removed - 1n;
    if (removed > 0n && (this.reach === null || last > this.reach)) this.reach = last;
    return true;
  }
}
