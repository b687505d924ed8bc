/** Finding the events of a history that have to do with a range of IOVAs, by the index: nothing else is read. */
import type { ColdEvent, IoasHandle, Range } from "@ioasis/core";
import type { Chapter } from "./chapter.ts";
import type { Landmark } from "./chapter-records.ts";
import type { ContextIndex } from "./context-index.ts";
import { ioasAt } from "./row-at.ts";
import { recordSighting, type Sighting, sightingsOf } from "./sighting.ts";

export interface Scope {
  readonly range: Range;
  /** Handles; null: every space. An event that names no space always counts. */
  readonly spaces: ReadonlySet<IoasHandle> | null;
  /** Of the landmarks (see `chapter.ts`): which of them matter beside ends of spaces, whatever their range. */
  readonly alsoCold?: (event: ColdEvent<IoasHandle>) => boolean;
}

/** Versions that are searched at once, so that the nearest events of an address that has very many cost little. */
const WINDOW_MIN = 1024;
const WINDOW_GROWTH = 64;

/**
 * Events of versions `from` ... `to` that touch the scope, oldest first.
 * @throws IoasisError ERR_DAMAGED after the last intact one, where `to` is beyond it
 */
export function* touching(index: ContextIndex, scope: Scope, from: number, to: number): Generator<Sighting> {
  const { head } = index;
  const end = Math.min(to, head);
  for (let next = Math.max(1, from); next <= end; ) {
    const chapter = index.chapterOf(next);
    const last = Math.min(end, chapter.lastVersion);
    for (let window = WINDOW_MIN; next <= last; window *= WINDOW_GROWTH) {
      const until = Math.min(last, next + window - 1);
      yield* seen(chapter, scope, next, until);
      next = until + 1;
    }
  }
  // What lies behind the intact part is for the journal to say.
  if (to > head) Array.from(index.journal.batches(index.context, head + 1, to));
}

/** Events up to version `to` that touch the scope, newest first. */
export function* touchingBackwards(index: ContextIndex, scope: Scope, to: number): Generator<Sighting> {
  for (let next = Math.min(to, index.head); next >= 1; ) {
    const chapter = index.chapterOf(next);
    for (let window = WINDOW_MIN; next >= chapter.firstVersion; window *= WINDOW_GROWTH) {
      const since = Math.max(chapter.firstVersion, next - window + 1);
      yield* seen(chapter, scope, since, next).reverse();
      next = since - 1;
    }
  }
}

/** The newest landmark up to version `to` that `matches`, or null. */
export function lastLandmark(
  index: ContextIndex,
  to: number,
  matches: (event: ColdEvent<IoasHandle>) => boolean,
): Landmark | null {
  for (let next = Math.min(to, index.head); next >= 1; ) {
    const chapter = index.chapterOf(next);
    const found = chapter.records.landmarks.findLast(({ version, event }) => version <= to && matches(event));
    if (found !== undefined) return found;
    next = chapter.firstVersion - 1;
  }
  return null;
}

/** Every chapter up to the head, oldest first. */
export function* chaptersOf(index: ContextIndex): Generator<Chapter> {
  for (let next = 1; next <= index.head; ) {
    const chapter = index.chapterOf(next);
    yield chapter;
    next = chapter.lastVersion + 1;
  }
}

function seen(chapter: Chapter, scope: Scope, from: number, to: number): Sighting[] {
  const { spaces } = scope;
  const found: Sighting[] = [];
  chapter.rowsAround(scope.range, from, to, (page, row) => {
    const ioas = ioasAt(page, row);
    if (spaces !== null && ioas >= 0 && !spaces.has(ioas)) return;
    sightingsOf(chapter, page, row, from, to, (sighting) => found.push(sighting));
  });
  for (const { version, event } of chapter.records.landmarks)
    if (version >= from && version <= to && matters(event, scope)) found.push(recordSighting(version, event));
  return found.sort((a, b) => a.version - b.version);
}

function matters(event: ColdEvent<IoasHandle>, { spaces, alsoCold }: Scope): boolean {
  if (event.type === "IoasDestroyed") return spaces === null || spaces.has(event.ioas);
  return alsoCold?.(event) === true;
}
