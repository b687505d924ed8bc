/** How many areas a chapter's versions have, and of how many bytes: one pass over its rows, no event is replayed. */
import {
  PAGE_ROWS,
  ROW_CUT,
  ROW_ENDED,
  ROW_HOW,
  ROW_IOAS,
  ROW_KIND_MAPPED,
  ROW_KIND_MASK,
  ROW_SIZE,
  ROW_VERSION,
} from "@ioasis/codec";
import type { IoasHandle } from "@ioasis/core";
import type { Chapter } from "../chapter.ts";
import type { Comparison } from "./condition.ts";

interface Measure {
  readonly of: "areas" | "mapped-bytes";
  readonly comparison: Comparison;
  readonly than: bigint;
  /** Null: all. */
  readonly spaces: ReadonlySet<IoasHandle> | null;
}

/** The first of the versions `from` ... `to` of the chapter at which the measure holds, or null. */
export function firstInChapter(chapter: Chapter, measure: Measure, from: number, to: number): number | null {
  const { firstVersion, lastVersion } = chapter;
  const changes = changesIn(chapter, measure);
  let sum = 0n;
  for (let version = firstVersion; version <= Math.min(to, lastVersion); version++) {
    sum += changes.get(version - firstVersion) ?? 0n;
    if (version >= from && holds(sum, measure)) return version;
  }
  return null;
}

/** By version from the chapter's first: what is added to the measure; at 0 also what was carried in. */
function changesIn(chapter: Chapter, { of, spaces }: Measure): Map<number, bigint> {
  const { firstVersion, lastVersion } = chapter;
  const changes = new Map<number, bigint>();
  const change = (at: number, by: bigint): void => {
    changes.set(at, (changes.get(at) ?? 0n) + by);
  };
  const diedAt = deathsIn(chapter);
  const columns = [ROW_HOW, ROW_ENDED, ROW_CUT, ROW_VERSION, ROW_IOAS] as const;
  const [how, ended, cut, mapped, ioas] = columns.map(() => new Float64Array(PAGE_ROWS)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const size = new BigUint64Array(PAGE_ROWS);
  const halves = new Uint32Array(size.buffer);
  chapter.pages(lastVersion, firstVersion, (page) => {
    for (const [i, into] of [how, ended, cut, mapped, ioas].entries()) page.numbers(columns[i] as number, into);
    page.halves(ROW_SIZE, halves);
    for (let row = 0; row < page.rows; row++) {
      if (((how[row] as number) & ROW_KIND_MASK) !== ROW_KIND_MAPPED) continue;
      const space = (ioas[row] as number) - 1;
      const cutAt = cut[row] as number;
      const born = cutAt > 0 ? cutAt - 1 : Math.max(0, (mapped[row] as number) - firstVersion);
      // What is mapped in a space that is gone is in no answer.
      if ((spaces !== null && !spaces.has(space)) || born >= (diedAt.get(space) ?? Number.POSITIVE_INFINITY)) continue;
      const by = of === "areas" ? 1n : (size[row] as bigint) + 1n;
      change(born, by);
      change(ended[row] as number, -by);
    }
  });
  return changes;
}

/** By space: the version from the chapter's first at which it was gone. */
function deathsIn({ records, firstVersion }: Chapter): ReadonlyMap<IoasHandle, number> {
  const deaths = new Map<IoasHandle, number>();
  for (const { handle, isAlive } of records.at(firstVersion).spaces) if (!isAlive) deaths.set(handle, 0);
  for (const { version, event } of records.landmarks)
    if (event.type === "IoasDestroyed" && !deaths.has(event.ioas)) deaths.set(event.ioas, version - firstVersion);
  return deaths;
}

function holds(value: bigint, { comparison, than }: Measure): boolean {
  switch (comparison) {
    case ">":
      return value > than;
    case ">=":
      return value >= than;
    case "<":
      return value < than;
    case "<=":
      return value <= than;
    case "=":
      return value === than;
  }
}
