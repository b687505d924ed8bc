/** How much of a recording makes no sense on its own. */
import { applies, applyBatch, ContextState, EventBatch, type Fact } from "@ioasis/core";
import { resolve } from "@ioasis/store";

/** How many of `facts` contradict a guest that had nothing mapped before the first of them. */
export function contradictions(facts: readonly Fact[]): number {
  const state = new ContextState();
  let count = 0;
  for (const fact of facts)
    for (const event of resolve(state, fact.event, fact.errno)) {
      // The base is taken as complete: what no fact mapped was never mapped.
      if ("ioas" in event && event.ioas !== null) state.space(event.ioas).isWhole = true;
      if (applies(state, event, fact.profile) === "contradicts") count++;
      const batch = new EventBatch(1, state.version + 1, 1);
      batch.push(event, fact);
      applyBatch(state, batch);
    }
  return count;
}
