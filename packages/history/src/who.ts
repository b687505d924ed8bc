/** `who`: what is mapped at an IOVA, by whom, and what was there before. */
import { type Area, type ClockJson, type ContextState, eventAt, hex, type IoasHandle, type Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type AreaJson, areaToJson } from "./area-json.ts";
import { contextNotes } from "./context-notes.ts";
import { type DeviceJson, devicesIn } from "./device-json.ts";
import { lastEnding } from "./ending.ts";
import { type EventMark, markAt, markOf } from "./event-mark.ts";
import { placeOf } from "./history.ts";
import { type Narrowing, spacesOf } from "./narrowing.ts";

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
  const state = journal.state(context, version);
  const spaces = spacesOf(state, narrowing);
  const areas = areasTouching(state, range, spaces);
  const holding = areas.length > 0 ? new Set(areas.map(({ ioas }) => ioas)) : spaces;
  const { time, clock } = markAt(journal, context, version);
  return {
    context,
    version,
    time,
    clock,
    iova: hex(range.first),
    last: hex(range.last),
    mapped: areas.length > 0,
    areas: areas.map(({ area, ioas }) => ({
      ...areaToJson(area, ioas),
      mappedBy: markAt(journal, context, area.version),
    })),
    lastUnmappedBy: lastUnmap(journal, context, range, spaces, version),
    devices: devicesIn(state, holding),
    neighbours: neighboursOf(state, range, spaces),
    notes: [...contextNotes(state, holding), ...unknownBefore(state, range, spaces, areas.length > 0)],
  };
}

interface Placed {
  readonly area: Area;
  readonly ioas: IoasHandle;
}

/** Areas of the living spaces that touch `range`, by space and address. */
export function areasTouching(state: ContextState, range: Range, spaces: ReadonlySet<IoasHandle> | null): Placed[] {
  return state.liveSpaces
    .filter(({ handle }) => spaces === null || spaces.has(handle))
    .flatMap(({ handle, areas }) => Array.from(areas.in(range.first, range.last), (area) => ({ area, ioas: handle })));
}

function lastUnmap(
  journal: Journal,
  context: string,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  version: number,
): EndedArea | null {
  const { ended, mapped } = lastEnding(journal, context, { range, spaces }, version);
  if (ended === null) return null;
  const event = eventAt(ended.batch, ended.row);
  const { ioas, iova, last } = placeOf(event);
  return { ...markOf(ended), type: event.type, ioas, iova, last, mappedBy: mapped === null ? null : markOf(mapped) };
}

function neighboursOf(
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
): { below: AreaJson | null; above: AreaJson | null } {
  let below: Placed | null = null;
  let above: Placed | null = null;
  for (const { handle, areas } of state.liveSpaces) {
    if (spaces !== null && !spaces.has(handle)) continue;
    const lower = areas.below(range.first);
    const upper = areas.above(range.last);
    if (lower !== null && (below === null || lower.last > below.area.last)) below = { area: lower, ioas: handle };
    if (upper !== null && (above === null || upper.iova < above.area.iova)) above = { area: upper, ioas: handle };
  }
  const told = (placed: Placed | null): AreaJson | null => placed && areaToJson(placed.area, placed.ioas);
  return { below: told(below), above: told(above) };
}

/** Says where "not mapped" means no more than "never spoken of". */
function unknownBefore(
  state: ContextState,
  range: Range,
  spaces: ReadonlySet<IoasHandle> | null,
  isMapped: boolean,
): string[] {
  if (isMapped) return [];
  const open = state.liveSpaces.some(
    (space) =>
      (spaces === null || spaces.has(space.handle)) && !space.isWhole && !space.known.covers(range.first, range.last),
  );
  return open
    ? [
        "No event up to here speaks of the whole range: a mapping made before the recording, or in a gap of it, would not show.",
      ]
    : [];
}
