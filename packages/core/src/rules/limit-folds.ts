/** `limit mappings`, `limit bytes`, `limit refusals`. */
import { lengthOf } from "../address.ts";
import type { Errno } from "../errno.ts";
import type { IoasHandle } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import { readingOf } from "./reading.ts";
import type { Demand, Moment, Rule, RuleFold, RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { rangeWords, secondsWords, spaceWords } from "./wording.ts";

/** The space whose areas the event changes, and where. */
function touched({ event }: Moment["recorded"]): { ioas: IoasHandle; iova: bigint; last: bigint } | null {
  return event.type === "IovaMapped" || event.type === "IovaUnmapped" || event.type === "WindowRemoved" ? event : null;
}

/** Told when the number goes from within the limit to above it. */
export function mappingsFold(rule: Rule, limit: bigint, sink: RuleSink): RuleFold {
  return crossing(rule, sink, limit, "mappings", ({ state }, ioas) => BigInt(state.space(ioas).areas.size));
}

/** Told when the bytes mapped in a space go from within the limit to above it. */
export function bytesFold(rule: Rule, limit: bigint, sink: RuleSink): RuleFold {
  const mapped = new Map<IoasHandle, bigint>();
  const crossed = crossing(rule, sink, limit, "bytes", (_moment, ioas) => mapped.get(ioas) ?? 0n);
  const change = (ioas: IoasHandle, by: bigint): void => void mapped.set(ioas, (mapped.get(ioas) ?? 0n) + by);
  return {
    before(moment) {
      const { event } = moment.recorded;
      if (event.type === "IoasDestroyed") mapped.delete(event.ioas);
      const place = touched(moment.recorded);
      if (place === null) return;
      for (const area of moment.state.space(place.ioas).areas.in(place.iova, place.last)) {
        const gone = sharedRange(area.iova, area.last, place.iova, place.last);
        change(place.ioas, -lengthOf(gone.first, gone.last));
      }
    },
    after(moment) {
      const { event } = moment.recorded;
      if (event.type === "IovaMapped") change(event.ioas, lengthOf(event.iova, event.last));
      crossed.after?.(moment);
    },
  };
}

function crossing(
  rule: Rule,
  sink: RuleSink,
  limit: bigint,
  what: string,
  count: (moment: Moment, ioas: IoasHandle) => bigint,
): RuleFold {
  const above = new Set<IoasHandle>();
  return {
    after(moment) {
      if (moment.recorded.event.type === "IoasDestroyed") above.delete(moment.recorded.event.ioas);
      const place = touched(moment.recorded);
      if (place === null) return;
      const { ioas, iova, last } = place;
      const now = count(moment, ioas);
      if (now <= limit) above.delete(ioas);
      else if (!above.has(ioas) && appliesTo(rule, moment, { ioas }, sink)) {
        above.add(ioas);
        const space = spaceWords(moment.state, ioas);
        sink.violation(
          rule,
          moment,
          `${space} has ${now} ${what} since ${rangeWords(iova, last)}: the limit is ${limit}`,
        );
      }
    },
  };
}

/** With a window, a violation uses up the refusals it counts; without one, it is told once. */
export function refusalsFold(rule: Rule, demand: Extract<Demand, { kind: "refusals" }>, sink: RuleSink): RuleFold {
  const { limit, window, errnos } = demand;
  let times: bigint[] = [];
  let clock: string | null = null;
  let total = 0n;
  return {
    after(moment) {
      const refusal = refusalOf(moment);
      if (refusal === null || !isOneOf(rule, moment, errnos, sink)) return;
      if (!appliesTo(rule, moment, { ioas: refusal.ioas }, sink)) return;
      const what = `${refusal.call} was refused (${moment.recorded.errno ?? "errno not told"})`;
      if (window === null) {
        if (++total === limit + 1n || limit === 0n) sink.violation(rule, moment, `${what}${countWords(limit, total)}`);
        return;
      }
      const now = readingOf(moment.recorded);
      if (now === null) return sink.note(rule, moment.context, "some refusals have no time");
      if (now.clock !== clock) times = [];
      clock = now.clock;
      times = times.filter((time) => now.nanoseconds - time <= window);
      times.push(now.nanoseconds);
      if (BigInt(times.length) <= limit) return;
      sink.violation(rule, moment, `${what}${countWords(limit, BigInt(times.length))} within ${secondsWords(window)}`);
      times = [];
    },
  };
}

function countWords(limit: bigint, count: bigint): string {
  return limit === 0n ? "" : `, one of ${count} where ${limit} may be`;
}

function isOneOf(rule: Rule, { recorded, context }: Moment, errnos: readonly Errno[], sink: RuleSink): boolean {
  if (errnos.length === 0) return true;
  if (recorded.errno !== null) return errnos.includes(recorded.errno);
  sink.note(rule, context, "some refusals do not tell their errno");
  return false;
}

function refusalOf({ recorded: { event } }: Moment): { call: string; ioas: IoasHandle | null } | null {
  switch (event.type) {
    case "MapRefused":
    case "UnmapRefused": {
      const verb = event.type === "MapRefused" ? "the map" : "the unmap";
      const place =
        event.iova === null ? `${event.length} bytes` : `${event.length} bytes at 0x${event.iova.toString(16)}`;
      return {
        call: `${verb} of ${place} in ${event.ioas === null ? "a space not told" : `ioas${event.ioas}`}`,
        ioas: event.ioas,
      };
    }
    case "CallRefused":
      return { call: event.call, ioas: null };
    default:
      return null;
  }
}
