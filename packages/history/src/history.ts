/** `history`: everything that happened to a range of IOVAs. */
import {
  type Actor,
  type ClockJson,
  type EventType,
  hex,
  type IoasEvent,
  lengthOf,
  type Prot,
  type Range,
  U64_MAX,
} from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { ioasName } from "./area-json.ts";
import { endOf } from "./end-of.ts";
import { markOf, type Row, recordedOf } from "./event-mark.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { type Scope, touching } from "./touching.ts";

export interface HistoryRow {
  readonly version: number;
  readonly time: string | null;
  readonly clock: ClockJson | null;
  readonly actor: Actor | null;
  readonly type: EventType;
  readonly ioas: string | null;
  readonly iova: string | null;
  /** Null also where what was asked for is empty or goes beyond the last address. */
  readonly last: string | null;
  readonly prot: Prot | null;
  readonly errno: string | null;
}

/**
 * Events that touch `range`, oldest first: maps, unmaps, refused ones, reservations, faults; and what a
 * reader must know beside them: lost events, and the end of a space that spoke of the range before.
 */
export function* historyOf(
  journal: Journal,
  context: string,
  range: Range,
  narrowing: Narrowing = {},
  to = endOf(journal, context),
): Generator<HistoryRow> {
  const scope: Scope = {
    range,
    spaces: spacesEver(journal, context, narrowing),
    alsoCold: (event) => event.type === "EventsLost",
  };
  const spoken = new Set<string | null>();
  for (const row of touching(journal, context, scope, 1, to)) {
    const told = rowToJson(row);
    if (told.type === "IoasDestroyed" && !spoken.has(told.ioas)) continue;
    spoken.add(told.ioas);
    yield told;
  }
}

function rowToJson(row: Row): HistoryRow {
  const { event, errno } = recordedOf(row);
  const { version, time, clock, actor } = markOf(row);
  return { version, time, clock, actor, type: event.type, ...placeOf(event), errno };
}

type Place = Pick<HistoryRow, "ioas" | "iova" | "last" | "prot">;

/** Where an event took place; null what it does not name. */
export function placeOf(event: IoasEvent): Place {
  const ioas = "ioas" in event && event.ioas !== null ? ioasName(event.ioas) : null;
  const prot = "prot" in event ? event.prot : null;
  if (!("iova" in event) || event.iova === null) return { ioas, iova: null, last: null, prot };
  const first = event.iova;
  if ("last" in event) return { ioas, iova: hex(first), last: hex(event.last), prot };
  const length = "length" in event ? event.length : lengthOf(first, first);
  const last = first + length - 1n;
  return { ioas, iova: hex(first), last: length === 0n || last > U64_MAX ? null : hex(last), prot };
}
