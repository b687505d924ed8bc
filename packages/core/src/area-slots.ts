/**
 * What areas carry beside their ranges, in an arena: rows of the area table point to slots here, so
 * that keeping areas in order moves a slot number and not their content.
 */
import type { Iova } from "./address.ts";
import { sourceOf } from "./event-batch.ts";
import { PROTS, type Prot, type Run, type Source } from "./source.ts";

/** One mapped range as an object: for reading, never on a hot path. */
export interface Area {
  readonly iova: Iova;
  readonly last: Iova;
  readonly prot: Prot;
  /** Of byte `iova` (an area that was cut counts from its new start). */
  readonly source: Source;
  /** The version that mapped it. */
  readonly version: number;
}

/** What an area carries beside its range; column form of `Source` (see `sourceOf`). */
export class AreaSlots {
  capacity = 0;
  traits = new Uint8Array(0);
  value = new BigUint64Array(0);
  fd = new Int32Array(0);
  version = new Float64Array(0);
  /** Start of the range that was mapped: an area cut by an unmap still counts its source from there. */
  origin = new BigUint64Array(0);
  readonly runs = new Map<number, readonly Run[]>();
  readonly #free: number[] = [];
  #used = 0;

  take(): number {
    const slot = this.#free.pop();
    if (slot !== undefined) return slot;
    if (this.#used === this.capacity) this.#grow();
    return this.#used++;
  }

  give(slot: number): void {
    if (this.runs.size > 0) this.runs.delete(slot);
    this.#free.push(slot);
  }

  /** The area `[first, last]` that holds `slot`, as an object. */
  area(slot: number, first: bigint, last: bigint): Area {
    const traits = this.traits[slot] as number;
    const kind = (traits >> 2) & 0xf;
    const skipped = kind === 0 ? 0n : first - (this.origin[slot] as bigint);
    return {
      iova: first as Iova,
      last: last as Iova,
      prot: PROTS[traits & 3] as Prot,
      source: sourceOf(
        kind,
        (this.value[slot] as bigint) + skipped,
        this.fd[slot] as number,
        (traits & 0x40) !== 0,
        clipRuns(this.runs.get(slot) ?? null, first, last),
      ),
      version: this.version[slot] as number,
    };
  }

  /** A second slot with the same content: an area that is cut in two. */
  copy(from: number): number {
    const to = this.take();
    this.traits[to] = this.traits[from] as number;
    this.value[to] = this.value[from] as bigint;
    this.fd[to] = this.fd[from] as number;
    this.version[to] = this.version[from] as number;
    this.origin[to] = this.origin[from] as bigint;
    const runs = this.runs.get(from);
    if (runs !== undefined) this.runs.set(to, runs);
    return to;
  }

  #grow(): void {
    this.capacity = Math.max(16, this.capacity * 2);
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.traits = grown(new Uint8Array(this.capacity), this.traits);
    this.value = grown(new BigUint64Array(this.capacity), this.value);
    this.fd = grown(new Int32Array(this.capacity), this.fd);
    this.version = grown(new Float64Array(this.capacity), this.version);
    this.origin = grown(new BigUint64Array(this.capacity), this.origin);
  }
}

/** The part of `runs` inside `[first, last]`. */
export function clipRuns(runs: readonly Run[] | null, first: bigint, last: bigint): readonly Run[] | null {
  if (runs === null) return null;
  const top = runs.at(-1);
  if (runs[0]?.iova === first && top !== undefined && top.iova + top.length - 1n === last) return runs;
  const clipped: Run[] = [];
  for (const run of runs) {
    const from = run.iova < first ? first : run.iova;
    const end = run.iova + run.length - 1n;
    const to = end > last ? last : end;
    if (from <= to) clipped.push({ iova: from as Iova, paddr: run.paddr + (from - run.iova), length: to - from + 1n });
  }
  return clipped;
}
