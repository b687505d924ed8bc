/** `limit mappings`, `limit bytes`. */
import { lengthOf } from "../address.ts";
import type { IoasHandle } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment, Rule, RuleFold, RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { rangeWords, spaceWords } from "./wording.ts";

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
        const space = spaceWords(moment, ioas);
        sink.violation(
          rule,
          moment,
          `${space} has ${now} ${what} since ${rangeWords(iova, last)}: the limit is ${limit}`,
        );
      }
    },
  };
}
