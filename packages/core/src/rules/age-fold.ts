/** `limit age`: told at the first event after a mapping grew too old, at the latest at its unmap. */
import { EVENT_TYPES } from "../events.ts";
import { appliesTo } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import type { Nanoseconds, Rule, RuleFold, RuleSink } from "./rule.ts";
import { type TimedRange, TimedRanges } from "./timed-ranges.ts";
import { actorWords, rangeWords, secondsWords, spaceWords } from "./wording.ts";

/** Mappings that may be gone before they are looked for. */
const DEAD_RANGES_MAX = 4_096;

export function ageFold(rule: Rule, limit: Nanoseconds, sink: RuleSink): RuleFold {
  const young = new TimedRanges(rule);
  let sweepAt = DEAD_RANGES_MAX;
  return {
    types: EVENT_TYPES,
    before(moment) {
      if (young.size === 0 || moment.clock === null) return;
      for (;;) {
        const old = young.shiftOlder(moment.clock, moment.nanoseconds, limit);
        if (old === null) return;
        tellOld(rule, moment, sink, old);
      }
    },
    after(moment) {
      if (moment.type !== "IovaMapped") return;
      const { clock, ioas, first, last, version, actor } = moment;
      if (clock === null) return sink.note(rule, moment.context, "some mappings have no time");
      young.push({ clock, nanoseconds: moment.nanoseconds, ioas, first, last, version, actor });
      if (young.size < sweepAt) return;
      young.keep((range) => isMapped(moment, range));
      sweepAt = 2 * young.size + DEAD_RANGES_MAX;
    },
  };
}

function tellOld(rule: Rule, moment: Moment, sink: RuleSink, old: TimedRange): void {
  const { ioas, actor } = old;
  if (!isMapped(moment, old) || !appliesTo(rule, moment, { ioas, actor }, sink)) return;
  const age = secondsWords(moment.nanoseconds - old.nanoseconds);
  const where = `${rangeWords(old.first, old.last)} in ${spaceWords(moment, ioas)}`;
  const detail = `${where} is mapped for ${age}, since version ${old.version} by ${actorWords(actor)}`;
  sink.violation(rule, moment, detail);
}

function isMapped({ state }: Moment, { ioas, first, last, version }: TimedRange): boolean {
  return state.space(ioas).areas.someIn(first, last, (_first, _last, of) => of === version);
}
