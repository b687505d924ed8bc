/** `require reserved`: from the moment that the ranges are reserved in a space. */
import type { IoasHandle } from "../events.ts";
import { holes, overlaps, type Range } from "../range.ts";
import { appliesTo, concernsSpace } from "./conditions.ts";
import type { Rule, RuleFold, RuleSink } from "./rule.ts";
import { rangeWords, spaceList, spaceWords } from "./wording.ts";

export function reservedFold(rule: Rule, ranges: readonly Range[], sink: RuleSink): RuleFold {
  // For each space, the ranges that were wholly reserved at some time.
  const seen = new Map<IoasHandle, Set<Range>>();
  let whole: readonly Range[] = [];
  return {
    types: ["IovaReserved", "IovaUnreserved"],
    before(moment) {
      const { event } = moment.recorded;
      whole = event.type === "IovaUnreserved" ? covered(ranges, moment.state.space(event.ioas).reservations) : [];
    },
    after(moment) {
      const { event } = moment.recorded;
      if (event.type === "IovaReserved") {
        const known = seen.get(event.ioas) ?? new Set();
        const added = { first: event.iova, last: event.last };
        const open = ranges.filter((range) => !known.has(range) && overlaps(range, added));
        for (const range of covered(open, moment.state.space(event.ioas).reservations)) known.add(range);
        seen.set(event.ioas, known);
      }
      if (event.type !== "IovaUnreserved" || whole.length === 0) return;
      const left = covered(whole, moment.state.space(event.ioas).reservations);
      const lost = whole.find((range) => !left.includes(range));
      if (lost === undefined || !appliesTo(rule, moment, { ioas: event.ioas }, sink)) return;
      const detail = `${rangeWords(lost.first, lost.last)} in ${spaceWords(moment, event.ioas)} is no longer reserved`;
      sink.violation(rule, moment, `${detail}: ${event.owner} gave it up`);
    },
    end({ context, state }) {
      const spaces = state.spaces.map(({ handle }) => handle).filter((ioas) => concernsSpace(rule, context, ioas));
      for (const range of ranges) {
        const never = spaces.filter((ioas) => seen.get(ioas)?.has(range) !== true);
        if (never.length === 0) continue;
        const words = rangeWords(range.first, range.last);
        sink.note(rule, context, `the recording never shows ${words} reserved in ${spaceList(never)}`);
      }
    },
  };
}

function covered(ranges: readonly Range[], reservations: readonly Range[]): Range[] {
  return ranges.filter((range) => holes(reservations, range).length === 0);
}
