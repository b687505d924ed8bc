/** Which clocks a history was recorded with, and how they are tied to the wall clock. */
import { type Decimal, parseDecimal } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";
import { chaptersOf } from "./touching.ts";

/** At one moment `clock` read `seconds` and the wall clock `realtime`. */
export interface Anchor {
  readonly clock: string;
  readonly seconds: Decimal;
  readonly realtime: Decimal;
}

export interface Clocks {
  /** All names, in order of appearance. */
  readonly all: readonly string[];
  /** Those that stamp maps and unmaps; a fault log that was imported too has its own. */
  readonly ofMappings: readonly string[];
  readonly anchors: readonly Anchor[];
}

export function clocksOf(journal: Journal, context: string): Clocks {
  const all = new Set<string>();
  const ofMappings = new Set<string>();
  const anchors: Anchor[] = [];
  for (const { head } of chaptersOf(indexOf(journal, context))) {
    for (const { clock } of head.clocks) all.add(clock);
    for (const clock of head.mappingClocks) ofMappings.add(clock);
    for (const event of head.records) {
      if (event.type !== "ClockAnchored") continue;
      const seconds = parseDecimal(event.seconds);
      const realtime = parseDecimal(event.realtime);
      if (seconds !== null && realtime !== null) anchors.push({ clock: event.clock, seconds, realtime });
    }
  }
  return { all: [...all], ofMappings: [...ofMappings], anchors };
}

/**
 * The last version whose event `clock` stamped at or before `seconds`, 0 when there is none.
 * Clocks go backwards a little (several processors); the last such event counts, not the first later one.
 */
export function versionAtTime(journal: Journal, context: string, clock: string, seconds: Decimal): number {
  const index = indexOf(journal, context);
  for (let next = index.head; next >= 1; ) {
    const chapter = index.chapterOf(next);
    const found = chapter.lastAt(clock, seconds, next);
    if (found !== null) return found;
    next = chapter.firstVersion - 1;
  }
  return 0;
}
