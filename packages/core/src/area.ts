/** One mapped range as an object, for reading: the table itself keeps columns (see area-rows.ts). */
import type { Iova } from "./address.ts";
import type { AreaStore } from "./area-store.ts";
import { sourceOf } from "./event-row.ts";
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

/** The range of an area. */
export interface Span {
  readonly iova: Iova;
  readonly last: Iova;
}

/** The area in a row, as an object. */
export function areaOf(store: AreaStore, row: number): Area {
  const { rows } = store;
  const first = rows.first(row);
  const last = rows.last(row);
  const traits = rows.traits(row);
  const runs = clipRuns(store.runsOf(row), first, last);
  return {
    iova: first as Iova,
    last: last as Iova,
    prot: PROTS[traits & 3] as Prot,
    source: sourceOf((traits >> 2) & 0xf, rows.value(row), rows.fd(row), (traits & 0x40) !== 0, runs),
    version: rows.version(row),
  };
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
