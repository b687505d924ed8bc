/**
 * `bisect`: the first version at which a condition holds.
 *
 * What never ends once it holds is halved in on. What comes and goes is asked for at each version at which it can
 * have changed, oldest first: those are in the index. Counts of a whole context are added up chapter by chapter.
 */
import { assert, type IoasHandle, IoasisError, type Recorded, recordedAt, sameDevice } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type ContextIndex, indexOf } from "../context-index.ts";
import { type Narrowing, spacesEver } from "../narrowing.ts";
import { chaptersOf, type Scope, touching } from "../touching.ts";
import { firstInChapter } from "./area-counts.ts";
import { type Condition, parseCondition } from "./condition.ts";
import { holdsAt, type PointCondition } from "./holds-at.ts";

export interface BisectOptions extends Narrowing {
  /** Default: version 1 ... the head. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface BisectAnswer {
  readonly context: string;
  readonly condition: string;
  readonly from: number;
  readonly to: number;
  /** Null: it holds at none of them. */
  readonly version: number | null;
  /** The event that made it hold; where it held at `from` already, that of `from`. */
  readonly found: Recorded | null;
  /** Versions, or chapters for counts, that were looked at. */
  readonly steps: number;
}

/** @throws IoasisError ERR_USAGE for a condition, a range of versions, a space or a device that there is not */
export function bisect(journal: Journal, context: string, text: string, options: BisectOptions = {}): BisectAnswer {
  const condition = parseCondition(text);
  const index = indexOf(journal, context);
  const { from = 1, to = index.head } = options;
  if (from > to)
    throw new IoasisError("ERR_USAGE", `--from is version ${from}, behind --to (version ${to}): swap them`, {
      from,
      to,
    });
  const spaces = spacesEver(journal, context, options);
  const { version, steps } =
    "comparison" in condition
      ? countedFrom(index, condition, spaces, from, to)
      : new Search(index, condition, spaces).first(from, to);
  const found = version === null || version === 0 ? null : recordedOf(journal, context, version);
  return { context, condition: text, from, to, version, found, steps };
}

interface Found {
  readonly version: number | null;
  readonly steps: number;
}

class Search {
  readonly #index: ContextIndex;
  readonly #condition: PointCondition;
  readonly #spaces: ReadonlySet<IoasHandle> | null;
  #steps = 0;

  constructor(index: ContextIndex, condition: PointCondition, spaces: ReadonlySet<IoasHandle> | null) {
    this.#index = index;
    this.#condition = condition;
    this.#spaces = spaces;
  }

  first(from: number, to: number): Found {
    const { kind } = this.#condition;
    const version = kind === "losses" || kind === "bookmark" ? this.#halve(from, to) : this.#changes(from, to);
    return { version, steps: this.#steps };
  }

  #holds(version: number): boolean {
    this.#steps++;
    return holdsAt(this.#index, this.#condition, this.#spaces, version);
  }

  /** Of a condition that stays once it holds. */
  #halve(from: number, to: number): number | null {
    if (!this.#holds(to)) return null;
    let low = from;
    let high = to;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (this.#holds(middle)) high = middle;
      else low = middle + 1;
    }
    return high;
  }

  #changes(from: number, to: number): number | null {
    if (this.#holds(from)) return from;
    for (const version of changePoints(this.#index, this.#condition, from + 1, to))
      if (this.#holds(version)) return version;
    return null;
  }
}

/** Versions at which a condition on a range or a device can have changed, ascending. */
function* changePoints(index: ContextIndex, condition: PointCondition, from: number, to: number): Generator<number> {
  const device = "device" in condition ? condition.device : null;
  if ("range" in condition) {
    const scope: Scope = {
      range: condition.range,
      spaces: null,
      alsoCold: (event) => device !== null && "device" in event && sameDevice(event.device ?? "", device),
    };
    for (const { version } of touching(index, scope, from, to)) yield version;
    return;
  }
  for (const { records } of chaptersOf(index))
    for (const { version, event } of records.landmarks)
      if (version >= from && version <= to && "device" in event && sameDevice(event.device ?? "", device ?? ""))
        yield version;
}

function countedFrom(
  index: ContextIndex,
  condition: Extract<Condition, { readonly comparison: unknown }>,
  spaces: ReadonlySet<IoasHandle> | null,
  from: number,
  to: number,
): Found {
  const { kind, comparison, than } = condition;
  let steps = 0;
  for (let next = Math.max(1, from); next <= to; ) {
    const chapter = index.chapterOf(next);
    steps++;
    const version = firstInChapter(chapter, { of: kind, comparison, than, spaces }, next, to);
    if (version !== null) return { version, steps };
    next = chapter.lastVersion + 1;
  }
  return { version: null, steps };
}

function recordedOf(journal: Journal, context: string, version: number): Recorded {
  const [batch] = journal.batches(context, version, version);
  assert(batch !== undefined, `version ${version} is in the journal`);
  return recordedAt(batch, version - batch.firstVersion);
}
