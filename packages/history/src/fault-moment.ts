/** At which version of the history a fault happened. */
import { type Decimal, formatDecimal, type Stamp } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { versionAt } from "./as-of.ts";
import { joinClock } from "./clock-join.ts";
import { type Clocks, versionAtTime } from "./clocks.ts";

export interface FaultMoment {
  readonly version: number;
  /** The fault's time by the clock of the mappings; null: it could not be told. */
  readonly reading: Reading | null;
  /** The fault's clock is not that of the mappings: order within some milliseconds is not certain. */
  readonly isJoined: boolean;
  /** Whole sentences. */
  readonly uncertainty: readonly string[];
}

export interface Reading {
  readonly clock: string;
  readonly seconds: Decimal;
}

/** `at`: a moment that somebody named instead (`--at`). */
export function momentOf(
  journal: Journal,
  context: string,
  stamp: Stamp | null,
  clocks: Clocks,
  at: string | undefined,
): FaultMoment {
  const candidates = clocks.ofMappings.length > 0 ? clocks.ofMappings : clocks.all;
  const joined = stamp === null ? null : joinClock(stamp, candidates, clocks.anchors);
  const reading = joined === null ? null : { clock: joined.clock, seconds: joined.seconds };
  const isJoined = joined !== null && joined.assumption !== null;
  const assumed = joined?.assumption == null ? [] : [`${capital(joined.assumption)}.`];
  if (at !== undefined) {
    const version = versionAt(journal, context, at);
    return {
      version,
      reading,
      isJoined,
      uncertainty: [...assumed, `The state was taken at ${JSON.stringify(at)}, as asked, not at the fault's own time.`],
    };
  }
  if (joined !== null) {
    const version = versionAtTime(journal, context, joined.clock, joined.seconds);
    const coarse =
      stamp !== null && stamp.decimals < 3
        ? [
            `The fault's time has ${stamp.decimals} digits behind the point: what happened within that unit has no certain order.`,
          ]
        : [];
    return { version, reading, isJoined, uncertainty: [...assumed, ...coarse] };
  }
  const head = journal.context(context)?.head.version ?? 0;
  return { version: head, reading: null, isJoined: false, uncertainty: [unplaced(stamp, candidates)] };
}

function unplaced(stamp: Stamp | null, candidates: readonly string[]): string {
  const end = "so the end of the record was looked at (--at names another moment).";
  if (stamp === null) return `The fault has no time, ${end}`;
  const told = `${formatDecimal(stamp)} s of the clock "${stamp.clock}"`;
  const own =
    candidates.length === 0
      ? "the record has no times"
      : `the record's clock is ${candidates.map((clock) => `"${clock}"`).join(", ")}`;
  return `The fault's time, ${told}, cannot be placed (${own}), ${end}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
