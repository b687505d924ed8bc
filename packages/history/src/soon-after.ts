/**
 * What happened to a fault's address just after the fault was printed: two clocks, or a printer that was
 * late, may have turned the order round.
 */
import { type EventType, minus, ticksAt } from "@ioasis/core";
import { type EventMark, markAt } from "./event-mark.ts";
import type { Investigation } from "./explanation.ts";
import { byWhomAndWhen } from "./fault-evidence.ts";
import { touching } from "./touching.ts";

const WINDOW_MILLISECONDS = 10n;
/** No source makes more events in the window: 100,000 a second would be 1,000. */
const VERSIONS_MAX = 4096;

export function endedSoonAfter(search: Investigation): string[] {
  const mark = nextWithin(search, "IovaUnmapped");
  return mark === null ? [] : [`It was unmapped ${byWhomAndWhen(mark)}, within 10 ms after the fault's time.`];
}

export function mappedSoonAfter(search: Investigation): string[] {
  const mark = nextWithin(search, "IovaMapped");
  if (mark === null) return [];
  return [
    `The address was mapped ${byWhomAndWhen(mark)}, within 10 ms after the fault's time: the device may have been too early.`,
  ];
}

function nextWithin({ index, moment, range, suspects }: Investigation, type: EventType): EventMark | null {
  const { reading, version } = moment;
  if (reading === null) return null;
  const scope = { range, spaces: suspects.spaces };
  for (const sighting of touching(index, scope, version + 1, Math.min(index.head, version + VERSIONS_MAX))) {
    if (sighting.type !== type) continue;
    const stamp = index.chapterOf(sighting.version).stamp(sighting.version);
    if (stamp === null || stamp.clock !== reading.clock) return null;
    return ticksAt(minus(stamp, reading.seconds), 3) < WINDOW_MILLISECONDS ? markAt(index, sighting.version) : null;
  }
  return null;
}
