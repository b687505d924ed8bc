/** Which folds look at which types of events: an event that nobody looks at costs no more than the state. */
import { EVENT_TYPES } from "../events.ts";
import type { Moment } from "./moment.ts";
import type { RuleFold } from "./rule.ts";

type Look = (moment: Moment) => void;

export interface Route {
  readonly before: readonly Look[];
  readonly after: readonly Look[];
}

/** By the code of the type, as in `EventBatch.type`; undefined: nobody. */
export function routesOf(folds: readonly RuleFold[]): readonly (Route | undefined)[] {
  return EVENT_TYPES.map((type) => {
    const looking = folds.filter(({ types }) => types.includes(type));
    if (looking.length === 0) return undefined;
    return {
      before: looking.flatMap(({ before }) => before ?? []),
      after: looking.flatMap(({ after }) => after ?? []),
    };
  });
}
