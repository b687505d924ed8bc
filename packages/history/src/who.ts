/** `who`: what is mapped at an IOVA, by whom, and what was there before. */
import { type Area, type ClockJson, type ContextState, hex, holes, type IoasHandle, type Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type AreaJson, areaToJson } from "./area-json.ts";
import { learnedIn } from "./chapter-state.ts";
import { type ContextIndex, indexOf } from "./context-index.ts";
import { contextNotes } from "./context-notes.ts";
import { type DeviceJson, devicesIn } from "./device-json.ts";
import { lastEnding } from "./ending.ts";
import { type EventMark, markAt } from "./event-mark.ts";
import { type Narrowing, spacesOf } from "./narrowing.ts";
import { areaAt } from "./row-at.ts";
import { placeOf } from "./sighting.ts";

export interface OwnedArea extends AreaJson {
  readonly mappedBy: EventMark;
}

export interface EndedArea extends EventMark {
  /** The event that took it away. */
  readonly type: string;
  readonly ioas: string | null;
  readonly iova: string | null;
  readonly last: string | null;
  /** The map that it undid; null: before the recording, or lost. */
  readonly mappedBy: EventMark | null;
}

export interface WhoAnswer {
  readonly context: string;
  readonly version: number;
  readonly time: string | null;
  readonly clock: ClockJson | null;
  readonly iova: string;
  readonly last: string;
  readonly mapped: boolean;
  readonly areas: readonly OwnedArea[];
  readonly lastUnmappedBy: EndedArea | null;
  readonly devices: readonly DeviceJson[];
  readonly neighbours: { readonly below: AreaJson | null; readonly above: AreaJson | null };
  readonly notes: readonly string[];
}

/** @throws IoasisError ERR_USAGE as `spacesOf`, ERR_VERSION */
export function who(
  journal: Journal,
  context: string,
  range: Range,
  version: number,
  narrowing: Narrowing = {},
): WhoAnswer {
  const index = indexOf(journal, context);
  const state = index.recordsAt(version);
  const spaces = spacesOf(state, narrowing);
  const areas = areasTouching(index, state, range, spaces, version);
  const holding = areas.length > 0 ? new Set(areas.map(({ ioas }) => ioas)) : spaces;
  const { time, clock } = markAt(index, version);
  return {
    context,
    version,
    time,
    clock,
    iova: hex(range.first),
    last: hex(range.last),
    mapped: areas.length > 0,
    areas: areas.map(({ area, ioas }) => ({ ...areaToJson(area, ioas), mappedBy: markAt(index, area.version) })),
    lastUnmappedBy: lastUnmap(index, range, spaces, version),
    devices: devicesIn(state, holding),
    neighbours: neighboursOf(index, state, range, spaces, version),
    notes: [
      ...contextNotes(state, holding),
      ...(areas.length > 0 ? [] : unknownBefore(index, state, range, spaces, version)),
    ],
  };
}

interface Placed {
  readonly area: Area;
  readonly ioas: IoasHandle;
}

/** Areas of the living spaces that touch `range` at `version`, by space and address. */
export function areasTouching(
  index: ContextIndex,
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): Placed[] {
  if (version < 1) return [];
  const areas: Placed[] = [];
  const living = livingSpaces(state, spaces);
  index.chapterOf(version).mappedIn(range, version, (page, row, ioas) => {
    if (living.has(ioas)) areas.push({ area: areaAt(page, row), ioas });
  });
  return areas.sort((a, b) => a.ioas - b.ioas || (a.area.iova < b.area.iova ? -1 : 1));
}

function livingSpaces(state: ContextState, spaces: ReadonlySet<IoasHandle> | null): ReadonlySet<IoasHandle> {
  const living = state.liveSpaces.map(({ handle }) => handle);
  return new Set(spaces === null ? living : living.filter((handle) => spaces.has(handle)));
}

function lastUnmap(
  index: ContextIndex,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): EndedArea | null {
  const { ended, mapped } = lastEnding(index, { range, spaces }, version);
  if (ended === null) return null;
  const { ioas, iova, last } = placeOf(ended);
  const mappedBy = mapped === null ? null : markAt(index, mapped.version);
  return { ...markAt(index, ended.version), type: ended.type, ioas, iova, last, mappedBy };
}

function neighboursOf(
  index: ContextIndex,
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): WhoAnswer["neighbours"] {
  if (version < 1) return { below: null, above: null };
  const living = livingSpaces(state, spaces);
  const chapter = index.chapterOf(version);
  const below = chapter.below(range.first, version, living);
  const above = chapter.above(range.last, version, living);
  return {
    below: below && areaToJson(below.area, below.ioas),
    above: above && areaToJson(above.area, above.ioas),
  };
}

/** Says where "not mapped" means no more than "never spoken of". */
function unknownBefore(
  index: ContextIndex,
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): string[] {
  return isOpen(index, state, range, spaces, version)
    ? [
        "No event up to here speaks of the whole range: a mapping made before the recording, or in a gap of it, would not show.",
      ]
    : [];
}

/** Whether a living space that is not whole has bytes of `range` of which no event up to `version` spoke. */
export function isOpen(
  index: ContextIndex,
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): boolean {
  return state.liveSpaces.some(({ handle, isWhole, known }) => {
    if (isWhole || (spaces !== null && !spaces.has(handle)) || known.covers(range.first, range.last)) return false;
    if (version < 1) return true;
    const learned = learnedIn(index.chapterOf(version), range, handle, state.lostAt, version);
    return holes([...known.in(range.first, range.last), ...learned], range).length > 0;
  });
}
