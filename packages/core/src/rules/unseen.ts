/** What a recording never showed to its rules: told once a context was read. */
import type { IoasHandle } from "../events.ts";
import { concernsSpace } from "./conditions.ts";
import type { Moment } from "./moment.ts";
import { asksForDevice, type Rule, type RuleSink } from "./rule.ts";
import { spaceList } from "./wording.ts";

export function tellUnseen(rules: readonly Rule[], { context, state }: Moment, sink: RuleSink): void {
  const { gaps, lostAt } = state;
  if (gaps > 0)
    sink.note(
      null,
      context,
      `events were lost ${gaps === 1 ? "" : `${gaps} times, at last `}before version ${lostAt}: what they did is not judged, ` +
        "and what is told after that may rest on mappings, devices or reservations that were gone",
    );
  const partial = state.spaces.filter(({ isWhole }) => !isWhole).map(({ handle }) => handle);
  const since = gaps === 0 ? "before the recording began" : "before the recording began or while events were lost";
  for (const rule of rules) {
    if (!restsOnOldMappings(rule)) continue;
    const spaces = partial.filter((ioas: IoasHandle) => concernsSpace(rule, context, ioas));
    if (spaces.length > 0) sink.note(rule, context, `what ${spaceList(spaces)} had mapped ${since} is not told`);
  }
}

/** Whether it counts, compares or comes back to what was mapped before the event that it judges. */
function restsOnOldMappings(rule: Rule): boolean {
  switch (rule.demand.kind) {
    case "alias":
    case "age":
    case "mappings":
    case "bytes":
      return true;
    case "map":
    case "map-outside":
      return asksForDevice(rule);
    default:
      return false;
  }
}
