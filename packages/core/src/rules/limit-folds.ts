/** `limit mappings`, `limit bytes`. */
import type { IoasHandle } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { attachOf, destroyedBy, PLACE_TYPES, placeOf } from "./place.ts";
import { asksForDevice, type Rule, type RuleFold, type RuleSink } from "./rule.ts";
import { sharedRange } from "./shared-range.ts";
import { rangeWords, spaceWords } from "./wording.ts";

/** Told when the number goes from within the limit to above it. */
export function mappingsFold(rule: Rule, limit: bigint, sink: RuleSink): RuleFold {
  return crossing(rule, sink, limit, "mappings", ({ state }, ioas) => state.space(ioas).areas.size);
}

/** Told when the bytes mapped in a space go from within the limit to above it. */
export function bytesFold(rule: Rule, limit: bigint, sink: RuleSink): RuleFold {
  const mapped = new Map<IoasHandle, bigint>();
  const crossed = crossing(rule, sink, limit, "bytes", (_moment, ioas) => mapped.get(ioas) ?? 0n);
  return {
    ...crossed,
    before(moment) {
      const destroyed = destroyedBy(moment);
      if (destroyed !== null) return void mapped.delete(destroyed);
      const place = placeOf(moment);
      if (place === null) return;
      const { ioas, first, last } = place;
      let bytes = mapped.get(ioas) ?? 0n;
      moment.state.space(ioas).areas.someIn(first, last, (areaFirst, areaLast) => {
        const gone = sharedRange(areaFirst, areaLast, first, last);
        bytes -= gone.last - gone.first + 1n;
        return false;
      });
      mapped.set(ioas, moment.type === "IovaMapped" ? bytes + (last - first + 1n) : bytes);
    },
  };
}

function crossing(
  rule: Rule,
  sink: RuleSink,
  limit: bigint,
  what: string,
  count: (moment: Moment, ioas: IoasHandle) => number | bigint,
): RuleFold {
  const above = new Set<IoasHandle>();
  return {
    types: asksForDevice(rule) ? [...PLACE_TYPES, "DeviceAttached"] : PLACE_TYPES,
    after(moment) {
      const destroyed = destroyedBy(moment);
      if (destroyed !== null) return void above.delete(destroyed);
      const place = placeOf(moment);
      const comer = place === null ? attachOf(moment) : null;
      const ioas = place?.ioas ?? comer?.ioas;
      if (ioas === undefined) return;
      const now = count(moment, ioas);
      if (now <= limit) return void above.delete(ioas);
      if (above.has(ioas) || !appliesTo(rule, moment, comer ?? { ioas }, sink)) return;
      above.add(ioas);
      const has =
        place === null
          ? `${comer?.device} was attached to ioas${ioas}, which has ${now} ${what}`
          : `${spaceWords(moment, ioas)} has ${now} ${what} since ${rangeWords(place.first, place.last)}`;
      sink.violation(rule, moment, `${has}: the limit is ${limit}`);
    },
  };
}
