/** `forbid refusal`, `limit refusals`. */
import type { Errno } from "../errno.ts";
import type { IoasHandle } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { Queue } from "./queue.ts";
import type { Demand, Nanoseconds, Rule, RuleFold, RuleSink } from "./rule.ts";
import { secondsWords } from "./wording.ts";

/** With a window, a violation uses up the refusals it counts; without one, it is told once. */
export function refusalsFold(rule: Rule, demand: Extract<Demand, { kind: "refusals" }>, sink: RuleSink): RuleFold {
  const { limit, window, errnos } = demand;
  const inWindow = window === null ? null : windowCount(limit, window);
  let total = 0n;
  return {
    types: ["MapRefused", "UnmapRefused", "CallRefused"],
    after(moment) {
      const refusal = refusalOf(moment);
      if (refusal === null || !isOneOf(rule, moment, errnos, sink)) return;
      if (!appliesTo(rule, moment, { ioas: refusal.ioas }, sink)) return;
      const what = `${refusal.call} was refused (${moment.recorded.errno ?? "errno not told"})`;
      if (window === null || inWindow === null) {
        if (++total === limit + 1n || limit === 0n) sink.violation(rule, moment, `${what}${countWords(limit, total)}`);
        return;
      }
      const { clock } = moment;
      if (clock === null) return sink.note(rule, moment.context, "some refusals have no time");
      if (inWindow(clock, moment.nanoseconds))
        sink.violation(rule, moment, `${what}${countWords(limit, limit + 1n)} within ${secondsWords(window)}`);
    },
  };
}

/**
 * Counts refusals; true: one more than `limit` within the window, and it starts anew. So it never holds
 * more than `limit` (REFUSALS_MAX) times. A clock that goes back is taken to stand still meanwhile.
 */
function windowCount(limit: bigint, window: Nanoseconds): (clock: string, nanoseconds: Nanoseconds) => boolean {
  const times = new Queue<Nanoseconds>();
  let clock: string | null = null;
  let now: Nanoseconds = 0n;
  return (ofClock, nanoseconds) => {
    if (ofClock !== clock) times.clear();
    now = ofClock === clock && nanoseconds < now ? now : nanoseconds;
    clock = ofClock;
    for (let oldest = times.head(); oldest !== undefined && now - oldest > window; oldest = times.head()) times.shift();
    if (BigInt(times.length) === limit) {
      times.clear();
      return true;
    }
    times.push(now);
    return false;
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
