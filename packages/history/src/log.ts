/** `log`: the events themselves, filtered. */
import { assert, EVENT_TYPES, IoasisError, type Range, type Recorded, recordedAt } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { indexOf } from "./context-index.ts";
import { endOf } from "./end-of.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { touching } from "./touching.ts";

export interface LogFilter extends Narrowing {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
  /** Name of an event type (`IovaMapped`). */
  readonly type?: string | undefined;
  readonly range?: Range | undefined;
}

/**
 * Events in order of version. With `ioas` or `device`: those that name one of these spaces, and those
 * that concern no space.
 * @throws IoasisError ERR_USAGE for a type that there is not
 */
export function* logOf(journal: Journal, context: string, filter: LogFilter = {}): Generator<Recorded> {
  const from = Math.max(1, filter.from ?? 1);
  const to = filter.to ?? endOf(journal, context);
  const typeCode = filter.type === undefined ? null : codeOf(filter.type);
  const spaces = spacesEver(journal, context, filter);
  if (to < from) return;
  const { range } = filter;
  if (range !== undefined) {
    for (const { version, type } of touching(indexOf(journal, context), { range, spaces }, from, to))
      if (typeCode === null || type === EVENT_TYPES[typeCode]) yield recordedOf(journal, context, version);
    return;
  }
  for (const batch of journal.batches(context, from, to)) {
    const end = Math.min(batch.length, to + 1 - batch.firstVersion);
    for (let row = Math.max(0, from - batch.firstVersion); row < end; row++) {
      if (typeCode !== null && batch.type[row] !== typeCode) continue;
      const recorded = recordedAt(batch, row);
      if (spaces === null || isIn(recorded, spaces)) yield recorded;
    }
  }
}

/** The event itself, from its block. */
function recordedOf(journal: Journal, context: string, version: number): Recorded {
  const [batch] = journal.batches(context, version, version);
  assert(batch !== undefined, `version ${version} is in the journal`);
  return recordedAt(batch, version - batch.firstVersion);
}

function isIn({ event }: Recorded, spaces: ReadonlySet<number>): boolean {
  return !("ioas" in event) || event.ioas === null || spaces.has(event.ioas);
}

function codeOf(type: string): number {
  const code = EVENT_TYPES.findIndex((name) => name.toLowerCase() === type.toLowerCase());
  if (code >= 0) return code;
  throw new IoasisError("ERR_USAGE", `--type ${type}: no such event; there are ${EVENT_TYPES.join(", ")}`, { type });
}
