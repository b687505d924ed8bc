/** `changes`: the last change of a range up to a version, and the next after it. */
import { type EventType, eventAt, type IoasHandle, type Range, TYPE_MAPPED, TYPE_UNMAPPED } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { endOf } from "./end-of.ts";
import { type EventMark, markOf, type Row, versionOf } from "./event-mark.ts";
import { placeOf } from "./history.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { tookAway, touching, touchingBackwards } from "./touching.ts";

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
  const scope = { range, spaces: spacesEver(journal, context, narrowing) };
  /** The end of a space changes the range only where something of it was still mapped. */
  const hadMapped: HadMapped = (ioas, before) =>
    journal.state(context, before).spaces[ioas]?.areas.overlaps(range.first, range.last) === true;
  const head = endOf(journal, context);
  return {
    context,
    version,
    last: firstChange(touchingBackwards(journal, context, scope, version), hadMapped),
    next: firstChange(touching(journal, context, scope, version + 1, head), hadMapped),
  };
}

function firstChange(rows: Iterable<Row>, hadMapped: HadMapped): Change | null {
  for (const found of rows) {
    if (!changes(found, hadMapped)) continue;
    const event = eventAt(found.batch, found.row);
    const { ioas, iova, last } = placeOf(event);
    return { ...markOf(found), type: event.type, ioas, iova, last };
  }
  return null;
}

function changes(found: Row, hadMapped: HadMapped): boolean {
  const { batch, row } = found;
  const type = batch.type[row] as number;
  if (type === TYPE_MAPPED) return true;
  if (type === TYPE_UNMAPPED) return tookAway(found);
  const event = eventAt(batch, row);
  switch (event.type) {
    case "IovaReserved":
    case "WindowCreated":
    case "WindowRemoved":
      return true;
    case "IoasDestroyed":
      return hadMapped(event.ioas, versionOf(found) - 1);
    default:
      return false;
  }
}
