/** The whole state at versions of a long history, beside a replay from its beginning. */
import type { ContextState } from "@ioasis/core";
import { indexOf } from "@ioasis/history";
import type { Journal } from "@ioasis/store";
import { type Bench, median } from "./measure.ts";
import type { Setting } from "./row.ts";
import { replayedTo } from "./who.ts";
import { churnText } from "./workload/churn.ts";
import { GUEST, HISTORY_LIVE, history, openHistory } from "./workload/history.ts";
import { seededRandom } from "./workload/random.ts";

const VERSIONS_PER_RUN = 20;
const MICROSECONDS_PER_MS = 1_000;

export async function atBenches(setting: Setting, events: number): Promise<Bench[]> {
  const journal = await openHistory(await history(setting, events, HISTORY_LIVE));
  const random = seededRandom(1);
  const version = (): number => 1 + random(events);
  return [
    {
      name: `whole state at a random version of ${events.toLocaleString("en")}, ${HISTORY_LIVE.toLocaleString("en")} live`,
      unit: "ms",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atMost: 20 }],
      subject: {
        run: () =>
          median(Array.from({ length: VERSIONS_PER_RUN }, () => milliseconds(() => void stateAt(journal, version())))),
      },
      peer: {
        name: "replay from version 1 to the middle one",
        run: () => replayedTo(journal, events >> 1) / MICROSECONDS_PER_MS,
      },
      runsMax: 3,
    },
  ];
}

/** The whole state, for looking. */
export function stateAt(journal: Journal, version: number): ContextState {
  return indexOf(journal, GUEST).stateAt(version);
}

function milliseconds(run: () => void): number {
  const from = performance.now();
  run();
  return performance.now() - from;
}
