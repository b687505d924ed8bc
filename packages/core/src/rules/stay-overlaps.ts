/** Which stays of one device in different contexts were at the same time. */
import type { DeviceName, Recorded } from "../events.ts";
import { readingOf } from "./reading.ts";
import type { Nanoseconds } from "./rule.ts";

/** A device in a context, from its attach to its detach or the end of the recording. */
export interface Stay {
  readonly context: string;
  readonly device: DeviceName;
  readonly attached: Recorded;
  readonly until: Recorded;
}

interface TimedStay {
  readonly stay: Stay;
  readonly from: Nanoseconds;
  readonly to: Nanoseconds;
}

export interface OverlapSink {
  /** `second` began while `first` was there. */
  overlap(second: Stay, first: Stay): void;
  /** Their clocks do not tell. */
  unsure(one: Stay, other: Stay): void;
}

/** Each stay is told at most once, as the second of two. One pass for each clock, in order of time. */
export function tellOverlaps(stays: readonly Stay[], sink: OverlapSink): void {
  const clocks = new Map<string, TimedStay[]>();
  const untimed: Stay[] = [];
  for (const stay of stays) {
    const [from, to] = [readingOf(stay.attached), readingOf(stay.until)];
    if (from === null || to === null || from.clock !== to.clock) {
      untimed.push(stay);
      continue;
    }
    const timed = { stay, from: from.nanoseconds, to: to.nanoseconds };
    const list = clocks.get(from.clock);
    if (list === undefined) clocks.set(from.clock, [timed]);
    else list.push(timed);
  }
  for (const list of clocks.values()) tellOfClock(list, sink);
  tellUnsure(
    [...[...clocks.values()].map((list) => list.map(({ stay }) => stay)), ...untimed.map((stay) => [stay])],
    sink,
  );
}

function tellOfClock(list: readonly TimedStay[], sink: OverlapSink): void {
  // The stay that lasts longest so far, and the one that does so of all other contexts.
  let longest: TimedStay | null = null;
  let rival: TimedStay | null = null;
  for (const timed of list.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0))) {
    const { context } = timed.stay;
    const other: TimedStay | null = longest?.stay.context === context ? rival : longest;
    if (other !== null && other.to >= timed.from) sink.overlap(timed.stay, other.stay);
    if (longest === null || (timed.to > longest.to && longest.stay.context === context)) longest = timed;
    else if (timed.to > longest.to) [longest, rival] = [timed, longest];
    else if (longest.stay.context !== context && (rival === null || timed.to > rival.to)) rival = timed;
  }
}

/** Stays of two groups cannot be compared: told once for each context of a group. */
function tellUnsure(groups: readonly (readonly Stay[])[], sink: OverlapSink): void {
  let first: Stay | null = null;
  let second: Stay | null = null;
  for (const group of groups) {
    const told = new Set<string>();
    for (const stay of group) {
      if (told.has(stay.context)) continue;
      told.add(stay.context);
      const other: Stay | null = first?.context === stay.context ? second : first;
      if (other !== null) sink.unsure(stay, other);
    }
    for (const stay of group) {
      first ??= stay;
      if (first.context !== stay.context) second ??= stay;
      if (second !== null) break;
    }
  }
}
