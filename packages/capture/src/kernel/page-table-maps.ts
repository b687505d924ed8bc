/**
 * `iommu:map` lines that no call explains, as mappings.
 *
 * The kernel prints one line per physically contiguous run, and nothing says where a mapping
 * begins. Two lines are taken for one mapping only when everything speaks for it:
 *
 * - the second is the very next record of the trace,
 * - by the same task on the same CPU, in task context (not from an interrupt),
 * - its iova continues exactly where the first ended,
 * - its physical address does not (adjacent pages would have been one run),
 * - at most 5 microseconds later, on a clock that counts time.
 *
 * Otherwise they are two mappings. What was held back for this is one mapping, never more.
 */
import type { Actor, Iova, Run, Stamp } from "@ioasis/core";
import type { MapRecord } from "./iommu-record.ts";
import type { Origin } from "./origin.ts";

const GAP_MAX_MICROSECONDS = 5n;
/** Runs of one mapping; beyond, the next line starts a mapping of its own. */
const RUNS_MAX = 1 << 20;

export interface PageTableMap {
  readonly iova: Iova;
  last: Iova;
  readonly paddr: bigint;
  /** Null: one run. */
  runs: Run[] | null;
  readonly origin: Origin;
}

export class PageTableMaps {
  #held: PageTableMap | null = null;
  /** Its newest line. */
  #map: MapRecord | null = null;
  #actor: Actor | null = null;
  #stamp: Stamp | null = null;

  /** Takes a map line; gives out the mapping before it if it is none of its runs. */
  push(map: MapRecord, origin: Origin, inTask: boolean): PageTableMap | null {
    const held = this.#held;
    const before = this.#map;
    this.#map = map;
    if (held !== null && before !== null && inTask && this.#continues(held, before, map, origin)) {
      held.runs ??= [runOf(before)];
      held.runs.push(runOf(map));
      held.last = map.last as Iova;
      this.#stamp = origin.stamp;
      return null;
    }
    this.#held = { iova: map.iova as Iova, last: map.last as Iova, paddr: map.paddr, runs: null, origin };
    this.#actor = inTask ? origin.actor : null;
    this.#stamp = origin.stamp;
    return held;
  }

  /** Another record came or the file ended. */
  take(): PageTableMap | null {
    const held = this.#held;
    this.#held = null;
    return held;
  }

  #continues(held: PageTableMap, before: MapRecord, map: MapRecord, { actor, stamp }: Origin): boolean {
    if (map.iova !== before.last + 1n || map.paddr === before.paddr + before.length) return false;
    if (held.runs !== null && held.runs.length >= RUNS_MAX) return false;
    if (actor === null || this.#actor === null || actor.tid !== this.#actor.tid || actor.cpu !== this.#actor.cpu)
      return false;
    return isSoonAfter(this.#stamp, stamp);
  }
}

function runOf({ iova, paddr, length }: MapRecord): Run {
  return { iova: iova as Iova, paddr, length };
}

function isSoonAfter(before: Stamp | null, after: Stamp | null): boolean {
  if (before === null || after === null || before.decimals !== after.decimals || after.decimals < 6) return false;
  const gap = after.ticks - before.ticks;
  return gap >= 0n && gap <= GAP_MAX_MICROSECONDS * 10n ** BigInt(after.decimals - 6);
}
