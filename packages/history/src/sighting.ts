/** One event that has to do with the addresses that were asked for. */
import {
  type PackedPage,
  ROW_CUT,
  ROW_ENDED,
  ROW_HOW,
  ROW_KIND_MAP_REFUSED,
  ROW_KIND_MAPPED,
  ROW_KIND_MASK,
  ROW_KIND_RECORD,
  ROW_KIND_UNMAP_REFUSED,
  ROW_KIND_UNMAPPED,
  ROW_TOOK_NOTHING,
  ROW_TRAITS,
  ROW_UNMAPPED_WHOLE,
  ROW_VALUE,
  ROW_VERSION,
} from "@ioasis/codec";
import {
  type Area,
  type ColdEvent,
  type EventType,
  hex,
  type IoasEvent,
  type IoasHandle,
  type Iova,
  lengthOf,
  PROTS,
  type Prot,
  U64_MAX,
} from "@ioasis/core";
import { ioasName } from "./area-json.ts";
import type { Chapter } from "./chapter.ts";
import { ioasAt, mappedAreaAt, rangeAt } from "./row-at.ts";

/** A map, an unmap or a refused one. */
export interface HotSighting {
  readonly version: number;
  readonly type: "IovaMapped" | "IovaUnmapped" | "MapRefused" | "UnmapRefused";
  /** Null: the source does not say. */
  readonly ioas: IoasHandle | null;
  readonly iova: Iova;
  /** Null: what was asked is empty or goes beyond the last address. */
  readonly last: Iova | null;
  /** Of a map, done or refused. */
  readonly prot: Prot | null;
  /** Of an unmap: it found something mapped. */
  readonly tookAway: boolean;
  /** Of a map: what it mapped, as it was mapped. */
  readonly area: (() => Area) | null;
}

export interface RecordSighting {
  readonly version: number;
  readonly type: Exclude<EventType, HotSighting["type"]>;
  readonly record: ColdEvent<IoasHandle>;
}

export type Sighting = HotSighting | RecordSighting;

export interface Place {
  readonly ioas: string | null;
  readonly iova: string | null;
  /** Null also where what was asked for is empty or goes beyond the last address. */
  readonly last: string | null;
  readonly prot: Prot | null;
}

/** Where a sighting took place; null what its event does not name. */
export function placeOf(sighting: Sighting): Place {
  if ("record" in sighting) return placeOfEvent(sighting.record);
  const { ioas, iova, last, prot } = sighting;
  return {
    ioas: ioas === null ? null : ioasName(ioas),
    iova: hex(iova),
    last: last === null ? null : hex(last),
    prot,
  };
}

/** Where an event took place; null what it does not name. */
export function placeOfEvent(event: IoasEvent): Place {
  const ioas = "ioas" in event && event.ioas !== null ? ioasName(event.ioas) : null;
  const prot = "prot" in event ? event.prot : null;
  if (!("iova" in event) || event.iova === null) return { ioas, iova: null, last: null, prot };
  const first = event.iova;
  if ("last" in event) return { ioas, iova: hex(first), last: hex(event.last), prot };
  const length = "length" in event ? event.length : lengthOf(first, first);
  const last = first + length - 1n;
  return { ioas, iova: hex(first), last: length === 0n || last > U64_MAX ? null : hex(last), prot };
}

export function recordSighting(version: number, record: ColdEvent<IoasHandle>): RecordSighting {
  return { version, type: record.type, record };
}

/** The events of a row that were at the versions `from` ... `to`: its own, and the unmap that ended it. */
export function sightingsOf(
  chapter: Chapter,
  page: PackedPage,
  row: number,
  from: number,
  to: number,
  use: (sighting: Sighting) => void,
): void {
  const how = page.number(ROW_HOW, row);
  const version = page.number(ROW_VERSION, row);
  if (version >= from && version <= to && page.number(ROW_CUT, row) === 0)
    use(sightingAt(chapter, page, row, how & ROW_KIND_MASK, version));
  if ((how & ROW_UNMAPPED_WHOLE) === 0) return;
  const ended = chapter.firstVersion + page.number(ROW_ENDED, row);
  if (ended < from || ended > to) return;
  const { first, last } = rangeAt(page, row);
  use(unmapped(ended, ioasAt(page, row), first, last, true));
}

function sightingAt(chapter: Chapter, page: PackedPage, row: number, kind: number, version: number): Sighting {
  const ioas = ioasAt(page, row);
  const { first, last } = rangeAt(page, row);
  switch (kind) {
    case ROW_KIND_RECORD: {
      const record = chapter.head.records[page.number(ROW_VALUE, row)] as ColdEvent<IoasHandle>;
      return recordSighting(version, record);
    }
    case ROW_KIND_MAPPED: {
      const area = (): Area => mappedAreaAt(page, row);
      const prot = protOf(page, row);
      return { version, type: "IovaMapped", ioas, iova: first, last, prot, tookAway: false, area };
    }
    case ROW_KIND_UNMAPPED:
      return unmapped(version, ioas, first, last, (page.number(ROW_HOW, row) & ROW_TOOK_NOTHING) === 0);
    case ROW_KIND_MAP_REFUSED:
      return refused("MapRefused", version, ioas, first, page.bigint(ROW_VALUE, row), protOf(page, row));
    case ROW_KIND_UNMAP_REFUSED:
      return refused("UnmapRefused", version, ioas, first, page.bigint(ROW_VALUE, row), null);
    default:
      throw new Error(`kind ${kind} of a row`);
  }
}

function unmapped(version: number, ioas: IoasHandle, iova: Iova, last: Iova, tookAway: boolean): HotSighting {
  return { version, type: "IovaUnmapped", ioas, iova, last, prot: null, tookAway, area: null };
}

function refused(
  type: "MapRefused" | "UnmapRefused",
  version: number,
  ioas: number,
  iova: Iova,
  length: bigint,
  prot: Prot | null,
): HotSighting {
  const last = iova + length - 1n;
  return {
    version,
    type,
    ioas: ioas < 0 ? null : ioas,
    iova,
    last: length === 0n || last > U64_MAX ? null : (last as Iova),
    prot,
    tookAway: false,
    area: null,
  };
}

function protOf(page: PackedPage, row: number): Prot {
  return PROTS[page.number(ROW_TRAITS, row) & 3] as Prot;
}
