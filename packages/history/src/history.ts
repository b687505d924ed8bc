/** `history`: everything that happened to a range of IOVAs. */
import type { EventType, Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";
import { endOf } from "./end-of.ts";
import { type EventMark, markAt } from "./event-mark.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { type Place, placeOf } from "./sighting.ts";
import { type Scope, touching } from "./touching.ts";

export interface HistoryRow extends EventMark, Place {
  readonly type: EventType;
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
  const index = indexOf(journal, context);
  const scope: Scope = {
    range,
    spaces: spacesEver(journal, context, narrowing),
    alsoCold: (event) => event.type === "EventsLost",
  };
  const spoken = new Set<string | null>();
  for (const sighting of touching(index, scope, 1, to)) {
    const { version, type } = sighting;
    const place = placeOf(sighting);
    if (type === "IoasDestroyed" && !spoken.has(place.ioas)) continue;
    spoken.add(place.ioas);
    const { time, clock, actor } = markAt(index, version);
    yield { version, time, clock, actor, type, ...place, errno: index.chapterOf(version).errno(version) };
  }
}
