/**
 * Which mappings of a plan share their pages: memory that is mapped in several places is mapped once
 * and copied (IOMMU_IOAS_COPY), so that it is pinned and charged once.
 */
import type { Area } from "../area.ts";
import { isMadeWritable } from "../decide/pinning.ts";
import type { IoasHandle } from "../events.ts";
import type { Source } from "../source.ts";
import type { Step } from "./step.ts";

export interface PlacedArea {
  readonly space: IoasHandle;
  readonly area: Area;
}

/** How far back a covering mapping is looked for; not finding one costs a second pin, no more. */
const LOOKED_AT_MAX = 64;

type Place = Extract<Step, { op: "map" | "copy" }>;

/** The steps that map `areas`: what is mapped first, then what is copied from it, each in the order given. */
export function mapSteps(areas: readonly PlacedArea[]): Step[] {
  const families = new Map<string, PlacedArea[]>();
  const maps = new Map<PlacedArea, Place>();
  for (const placed of areas) {
    const key = familyOf(placed.area.source);
    const family = key === null ? undefined : families.get(key);
    if (family !== undefined) family.push(placed);
    else if (key !== null) families.set(key, [placed]);
    maps.set(placed, mapped(placed));
  }
  for (const family of families.values()) if (family.length > 1) share(family, maps);
  const steps = [...maps.values()];
  return [...steps.filter(({ op }) => op === "map"), ...steps.filter(({ op }) => op === "copy")];
}

/** What can share pages at all: the memory of one process, or one file. */
function familyOf(source: Source): string | null {
  if (source.kind === "va" || source.kind === "copy") return "va";
  return source.kind === "file" ? `file ${source.fd}` : null;
}

function mapped({ space, area }: PlacedArea): Place {
  const { iova: first, last, prot, source } = area;
  return { op: "map", space, range: { first, last }, prot, source };
}

/**
 * Turns maps into copies where an earlier map of the family has every page. Mappings with the longest
 * reach come first; a copy may not write to pages that were not mapped for writing (EPERM).
 */
function share(family: readonly PlacedArea[], maps: Map<PlacedArea, Place>): void {
  const byStart = [...family].sort(
    (a, b) =>
      Number(startOf(a) > startOf(b)) - Number(startOf(a) < startOf(b)) ||
      Number(endOf(a) < endOf(b)) - Number(endOf(a) > endOf(b)) ||
      rank(a) - rank(b),
  );
  const bases: PlacedArea[] = [];
  for (const placed of byStart) {
    const base = baseOf(placed, bases);
    if (base === null) bases.push(placed);
    else {
      const first = base.area.iova + (startOf(placed) - startOf(base));
      maps.set(placed, { ...mapped(placed), op: "copy", from: { space: base.space, first } });
    }
  }
}

/** Of equal mappings the writable one that was no copy is mapped. */
function rank({ area }: PlacedArea): number {
  return (isWritten(area) ? 0 : 2) + (area.source.kind === "copy" ? 1 : 0);
}

function baseOf(placed: PlacedArea, bases: readonly PlacedArea[]): PlacedArea | null {
  const to = Math.max(0, bases.length - LOOKED_AT_MAX);
  for (let i = bases.length - 1; i >= to; i--) {
    const base = bases[i] as PlacedArea;
    if (endOf(base) < endOf(placed) || !mayShare(placed, base)) continue;
    if (isWritten(base.area) || !isMadeWritable(placed.area)) return base;
  }
  return null;
}

/** Twice in one space, user memory was mapped by two calls on purpose; a file may have been copied or mapped. */
function mayShare({ space, area: { source } }: PlacedArea, base: PlacedArea): boolean {
  return source.kind !== "va" || space !== base.space;
}

function isWritten({ prot }: Area): boolean {
  return prot === "w" || prot === "rw";
}

function startOf({ area: { source } }: PlacedArea): bigint {
  if (source.kind === "file") return source.start;
  return source.kind === "va" || source.kind === "copy" ? source.va : 0n;
}

function endOf(placed: PlacedArea): bigint {
  return startOf(placed) + (placed.area.last - placed.area.iova);
}
