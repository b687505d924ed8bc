/** Which clocks a history was recorded with, and how they are tied to the wall clock. */
import { type Decimal, type EventBatch, parseDecimal, TYPE_UNMAP_REFUSED, ticksAt } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { batchesBackwards } from "./touching.ts";

/** At one moment `clock` read `seconds` and the wall clock `realtime`. */
export interface Anchor {
  readonly clock: string;
  readonly seconds: Decimal;
  readonly realtime: Decimal;
}

export interface Clocks {
  /** All names, in order of appearance. */
  readonly all: readonly string[];
  /** Those that stamp maps and unmaps; a fault log that was imported too has its own. */
  readonly ofMappings: readonly string[];
  readonly anchors: readonly Anchor[];
}

/** Reads the whole history once. */
export function clocksOf(journal: Journal, context: string): Clocks {
  const all = new Set<string>();
  const ofMappings = new Set<string>();
  const anchors: Anchor[] = [];
  for (const batch of journal.batches(context)) {
    for (const { clock } of batch.clocks) all.add(clock);
    for (const clock of clocksOfMappings(batch)) ofMappings.add(clock);
    for (const event of batch.colds) {
      if (event.type !== "ClockAnchored") continue;
      const seconds = parseDecimal(event.seconds);
      const realtime = parseDecimal(event.realtime);
      if (seconds !== null && realtime !== null) anchors.push({ clock: event.clock, seconds, realtime });
    }
  }
  return { all: [...all], ofMappings: [...ofMappings], anchors };
}

function clocksOfMappings(batch: EventBatch): string[] {
  const { clock, clocks, length, type } = batch;
  const used = new Uint8Array(clocks.length + 1);
  for (let row = 0; row < length; row++)
    if ((type[row] as number) <= TYPE_UNMAP_REFUSED) used[clock[row] as number] = 1;
  return clocks.filter((_, index) => used[index + 1] === 1).map((column) => column.clock);
}

/**
 * The last version whose event `clock` stamped at or before `seconds`, 0 when there is none.
 * Clocks go backwards a little (several processors); the last such event counts, not the first later one.
 */
export function versionAtTime(journal: Journal, context: string, clock: string, seconds: Decimal): number {
  const head = journal.context(context)?.head.version ?? 0;
  for (const batch of batchesBackwards(journal, context, head)) {
    // The highest ticks that count, by code of the clock; other clocks never count.
    const limits = [
      null,
      ...batch.clocks.map((column) => (column.clock === clock ? ticksAt(seconds, column.decimals) : null)),
    ];
    if (limits.every((limit) => limit === null)) continue;
    for (let row = batch.length - 1; row >= 0; row--) {
      const limit = limits[batch.clock[row] as number] ?? null;
      if (limit !== null && (batch.ticks[row] as bigint) <= limit) return batch.firstVersion + row;
    }
  }
  return 0;
}
