/** The event that an answer points to: its version, its time and who did it. */
import type { Actor, ClockJson } from "@ioasis/core";
import type { ContextIndex } from "./context-index.ts";

export interface EventMark {
  readonly version: number;
  /** RFC 3339, or null where the source has no wall clock. */
  readonly time: string | null;
  readonly clock: ClockJson | null;
  readonly actor: Actor | null;
}

/** The mark of `version`, whose event need not have a time; version 0 has no event. */
export function markAt(index: ContextIndex, version: number): EventMark {
  if (version < 1 || version > index.head) return { version, time: null, clock: null, actor: null };
  return index.chapterOf(version).mark(version);
}
