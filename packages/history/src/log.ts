/** `log`: the events themselves, filtered. */
import { EVENT_TYPES, IoasisError, type Range, type Recorded, recordedAt } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { endOf } from "./end-of.ts";
import { recordedOf } from "./event-mark.ts";
import { type Narrowing, spacesEver } from "./narrowing.ts";
import { type Scope, touches } from "./touching.ts";

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
  const from = filter.from ?? 1;
  const to = filter.to ?? endOf(journal, context);
  const typeCode = filter.type === undefined ? null : codeOf(filter.type);
  const spaces = spacesEver(journal, context, filter);
  const scope: Scope | null = filter.range === undefined ? null : { range: filter.range, spaces };
  if (to < from) return;
  for (const batch of journal.batches(context, Math.max(1, from), to)) {
    const end = Math.min(batch.length, to + 1 - batch.firstVersion);
    for (let row = Math.max(0, from - batch.firstVersion); row < end; row++) {
      if (typeCode !== null && batch.type[row] !== typeCode) continue;
      if (scope !== null) {
        if (touches(batch, row, scope)) yield recordedOf({ batch, row });
        continue;
      }
      const recorded = recordedAt(batch, row);
      if (spaces === null || isIn(recorded, spaces)) yield recorded;
    }
  }
}

function isIn({ event }: Recorded, spaces: ReadonlySet<number>): boolean {
  return !("ioas" in event) || event.ioas === null || spaces.has(event.ioas);
}

function codeOf(type: string): number {
  const code = EVENT_TYPES.findIndex((name) => name.toLowerCase() === type.toLowerCase());
  if (code >= 0) return code;
  throw new IoasisError("ERR_USAGE", `--type ${type}: no such event; there are ${EVENT_TYPES.join(", ")}`, { type });
}
