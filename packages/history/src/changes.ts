/** `changes`: the last change of a range up to a version, and the next after it. */
import type { EventType, IoasHandle, Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";
import { endOf } from "./end-of.ts";
import { type EventMark, markAt } from "./event-mark.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { placeOf, type Sighting } from "./sighting.ts";
import { touching, touchingBackwards } from "./touching.ts";

export interface Change extends EventMark {
  readonly type: EventType;
  readonly ioas: string | null;
  readonly iova: string | null;
  readonly last: string | null;
}

type HadMapped = (ioas: IoasHandle, version: number) => boolean;

export interface ChangesAnswer {
  readonly context: string;
  readonly version: number;
  readonly last: Change | null;
  readonly next: Change | null;
}

/** Refusals and faults change nothing and are passed over. */
export function changesAround(
  journal: Journal,
  context: string,
  range: Range,
  version: number,
  narrowing: Narrowing = {},
): ChangesAnswer {
  const index = indexOf(journal, context);
  const scope = { range, spaces: spacesEver(journal, context, narrowing) };
  /** The end of a space changes the range only where something of it was still mapped. */
  const hadMapped: HadMapped = (ioas, before) => {
    let isMapped = false;
    if (before > 0)
      index.chapterOf(before).mappedIn(range, before, (_page, _row, space) => {
        isMapped ||= space === ioas;
      });
    return isMapped;
  };
  const head = endOf(journal, context);
  const changeOf = (sightings: Iterable<Sighting>): Change | null => {
    for (const sighting of sightings) {
      if (!changes(sighting, hadMapped)) continue;
      const { ioas, iova, last } = placeOf(sighting);
      return { ...markAt(index, sighting.version), type: sighting.type, ioas, iova, last };
    }
    return null;
  };
  return {
    context,
    version,
    last: changeOf(touchingBackwards(index, scope, version)),
    next: changeOf(touching(index, scope, version + 1, head)),
  };
}

function changes(sighting: Sighting, hadMapped: HadMapped): boolean {
  if (!("record" in sighting))
    return sighting.type === "IovaMapped" || (sighting.type === "IovaUnmapped" && sighting.tookAway);
  const event = sighting.record;
  switch (event.type) {
    case "IovaReserved":
    case "WindowCreated":
    case "WindowRemoved":
      return true;
    case "IoasDestroyed":
      return hadMapped(event.ioas, sighting.version - 1);
    default:
      return false;
  }
}
