/** The referee of the index: the same answers by folding blocks from the start and scanning events one by one. */
import type { Digest } from "@ioasis/codec";
import {
  applyUpTo,
  type ColdEvent,
  ContextState,
  EVENT_TYPES,
  type EventBatch,
  type EventType,
  eventAt,
  hex,
  type IoasHandle,
  type Iova,
  type Range,
  recordedAt,
  stampAt,
  stampToJson,
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
  U64_MAX,
} from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { areaToJson } from "../area-json.ts";
import type { ChangesAnswer } from "../changes.ts";
import { contextNotes } from "../context-notes.ts";
import { devicesIn } from "../device-json.ts";
import type { EventMark } from "../event-mark.ts";
import type { HistoryRow } from "../history.ts";
import { placeOfEvent } from "../sighting.ts";
import type { EndedArea, WhoAnswer } from "../who.ts";
import type { Chance } from "./random-history.ts";

interface Row {
  readonly batch: EventBatch;
  readonly row: number;
}

/** One context, read once. */
export class Replayed {
  readonly head: number;
  readonly #context: string;
  readonly #batches: readonly EventBatch[];
  /** By version - 1. */
  readonly #rows: readonly Row[];

  constructor(journal: Journal, context: string) {
    this.#context = context;
    this.#batches = [...journal.batches(context)];
    this.#rows = this.#batches.flatMap((batch) =>
      Array.from({ length: batch.length }, (_, row): Row => ({ batch, row })),
    );
    this.head = this.#rows.length;
  }

  /** The state at `version`, from `state` at the same version or one before it. */
  state(version: number, state = new ContextState()): ContextState {
    for (const batch of this.#batches)
      if (batch.firstVersion <= version && batch.lastVersion > state.version) applyUpTo(state, batch, version);
    return state;
  }

  /** Brings a running digest up to `version`. */
  feed(digest: Digest, version: number): void {
    for (const batch of this.#batches)
      if (batch.firstVersion <= version && batch.lastVersion > digest.version)
        digest.feed(
          batch,
          digest.version + 1 - batch.firstVersion,
          Math.min(version, batch.lastVersion) + 1 - batch.firstVersion,
        );
  }

  /** A range that some event spoke of, or a part of it or its surroundings; now and then any other. */
  someRange(chance: Chance): Range {
    const { batch, row } = this.#rows[chance.below(this.#rows.length)] as Row;
    const isHot = (batch.type[row] as number) <= TYPE_UNMAPPED && chance.below(8) > 0;
    const any = BigInt(chance.below(1 << 20)) << 12n;
    const first = isHot ? (batch.iova[row] as bigint) : any;
    const last = isHot ? (batch.last[row] as bigint) : any + 0xfffn;
    const wider = last > U64_MAX - 0x1000n ? U64_MAX : last + 0x1000n;
    const [from, to] = chance.one([
      [first, first],
      [last, last],
      [first, last],
      [first > 0x1000n ? first - 0x1000n : 0n, wider],
    ] as const);
    return { first: from as Iova, last: to as Iova };
  }

  who(state: ContextState, range: Range): WhoAnswer {
    const { version } = state;
    const { time, clock } = this.#markAt(version);
    const areas = state.liveSpaces.flatMap(({ handle, areas }) =>
      [...areas.in(range.first, range.last)].map((area) => ({ area, ioas: handle })),
    );
    const holding = areas.length > 0 ? new Set(areas.map(({ ioas }) => ioas)) : null;
    const isOpen = state.liveSpaces.some(({ isWhole, known }) => !isWhole && !known.covers(range.first, range.last));
    return {
      context: this.#context,
      version,
      time,
      clock,
      iova: hex(range.first),
      last: hex(range.last),
      mapped: areas.length > 0,
      areas: areas.map(({ area, ioas }) => ({ ...areaToJson(area, ioas), mappedBy: this.#markAt(area.version) })),
      lastUnmappedBy: this.#lastUnmap(range, version),
      devices: devicesIn(state, holding),
      neighbours: neighboursOf(state, range),
      notes: [
        ...contextNotes(state, holding),
        ...(areas.length > 0 || !isOpen
          ? []
          : [
              "No event up to here speaks of the whole range: a mapping made before the recording, or in a gap of it, would not show.",
            ]),
      ],
    };
  }

  history(range: Range, to: number): HistoryRow[] {
    const rows: HistoryRow[] = [];
    const spoken = new Set<string | null>();
    for (const row of this.#rows.slice(0, to)) {
      if (!touches(row, range) && typeOf(row) !== "EventsLost") continue;
      const { event, errno } = recordedAt(row.batch, row.row);
      const place = placeOfEvent(event);
      if (event.type === "IoasDestroyed" && !spoken.has(place.ioas)) continue;
      spoken.add(place.ioas);
      const { version, time, clock, actor } = markOf(row);
      rows.push({ version, time, clock, actor, type: event.type, ...place, errno });
    }
    return rows;
  }

  changes(range: Range, version: number): ChangesAnswer {
    const change = (rows: Iterable<Row>): ChangesAnswer["last"] => {
      for (const row of rows) {
        if (!touches(row, range) || !this.#changes(row, range)) continue;
        const event = eventAt(row.batch, row.row);
        const { ioas, iova, last } = placeOfEvent(event);
        return { ...markOf(row), type: event.type, ioas, iova, last };
      }
      return null;
    };
    const last = change(this.#rows.slice(0, version).reverse());
    return { context: this.#context, version, last, next: change(this.#rows.slice(version)) };
  }

  #changes({ batch, row }: Row, { first, last }: Range): boolean {
    const event = eventAt(batch, row);
    switch (event.type) {
      case "IovaMapped":
      case "IovaReserved":
      case "WindowCreated":
      case "WindowRemoved":
        return true;
      case "IovaUnmapped":
        return event.bytes > 0n;
      case "IoasDestroyed":
        return this.state(batch.firstVersion + row - 1).spaces[event.ioas]?.areas.overlaps(first, last) === true;
      default:
        return false;
    }
  }

  #markAt(version: number): EventMark {
    const row = this.#rows[version - 1];
    return row === undefined ? { version, time: null, clock: null, actor: null } : markOf(row);
  }

  /** The newest end of something in the range, and the map that it ended; see `ending.ts`. */
  #lastUnmap(range: Range, version: number): EndedArea | null {
    let ended: Row | null = null;
    let endedIn: IoasHandle | null = null;
    let mapped: Row | null = null;
    const wholesale = new Map<IoasHandle, Row>();
    for (const row of this.#rows.slice(0, version).reverse()) {
      if (!touches(row, range)) continue;
      const event = eventAt(row.batch, row.row);
      if (event.type === "IovaMapped") {
        const whole = wholesale.get(event.ioas);
        if (ended === null && whole !== undefined) {
          ended = whole;
          endedIn = event.ioas;
        }
        if (ended === null || endedIn !== event.ioas) continue;
        mapped = row;
        break;
      }
      if (event.type === "IovaUnmapped" && event.bytes > 0n) {
        if (ended !== null && endedIn === event.ioas) break;
        if (ended !== null) continue;
        ended = row;
        endedIn = event.ioas;
      } else if (event.type === "IoasDestroyed" || event.type === "WindowRemoved") {
        if (ended !== null && event.type === "IoasDestroyed" && endedIn === event.ioas) break;
        if (ended === null) wholesale.set(event.ioas, row);
      }
    }
    if (ended === null) return null;
    const event = eventAt(ended.batch, ended.row);
    const { ioas, iova, last } = placeOfEvent(event);
    const mappedBy = mapped === null ? null : markOf(mapped);
    return { ...markOf(ended), type: event.type, ioas, iova, last, mappedBy };
  }
}

function typeOf({ batch, row }: Row): EventType {
  return EVENT_TYPES[batch.type[row] as number] as EventType;
}

function markOf({ batch, row }: Row): EventMark {
  const actor = batch.actor[row] as number;
  return {
    version: batch.firstVersion + row,
    ...stampToJson(stampAt(batch, row)),
    actor: actor === 0 ? null : (batch.actors[actor - 1] ?? null),
  };
}

function touches({ batch, row }: Row, range: Range): boolean {
  const type = batch.type[row] as number;
  if (type > TYPE_UNMAP_REFUSED) return recordTouches(eventAt(batch, row) as ColdEvent<IoasHandle>, range);
  const iova = batch.iova[row] as bigint;
  const last = batch.last[row] as bigint;
  if (type === TYPE_MAPPED || type === TYPE_UNMAPPED) return iova <= range.last && last >= range.first;
  if (type === TYPE_MAP_REFUSED && ((batch.traits[row] as number) & 0x80) !== 0) return false;
  // The column holds the length that was asked for; nothing at all still names its address.
  return iova <= range.last && (last === 0n ? iova : iova + last - 1n) >= range.first;
}

function recordTouches(event: ColdEvent<IoasHandle>, range: Range): boolean {
  switch (event.type) {
    case "IovaReserved":
    case "WindowCreated":
    case "WindowRemoved":
      return event.iova <= range.last && event.last >= range.first;
    case "FaultReported":
      return event.iova !== null && event.iova >= range.first && event.iova <= range.last;
    default:
      return event.type === "IoasDestroyed";
  }
}

function neighboursOf(state: ContextState, range: Range): WhoAnswer["neighbours"] {
  let below: ReturnType<typeof areaToJson> | null = null;
  let above: ReturnType<typeof areaToJson> | null = null;
  for (const { handle, areas } of state.liveSpaces) {
    const lower = areas.below(range.first);
    const upper = areas.above(range.last);
    if (lower !== null && (below === null || lower.last > BigInt(below.last))) below = areaToJson(lower, handle);
    if (upper !== null && (above === null || upper.iova < BigInt(above.iova))) above = areaToJson(upper, handle);
  }
  return { below, above };
}
