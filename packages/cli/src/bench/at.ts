/** The whole state at versions of a long history, beside a replay from its beginning. */
import { applyUpTo, ContextState } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type Bench, median } from "./measure.ts";
import type { Setting } from "./row.ts";
import { GUEST, history, openHistory } from "./workload/history.ts";
import { seededRandom } from "./workload/random.ts";

const LIVE = 100_000;
const VERSIONS_PER_RUN = 20;

export async function atBenches(setting: Setting, events: number): Promise<Bench[]> {
  const journal = await openHistory(await history(setting, events, LIVE));
  const random = seededRandom(1);
  const version = (): number => 1 + random(events);
  return [
    {
      name: `whole state at a random version of ${events.toLocaleString("en")}, ${LIVE.toLocaleString("en")} live`,
      unit: "ms",
      target: [{ of: "value", atMost: 20 }],
      subject: {
        run: () =>
          median(
            Array.from({ length: VERSIONS_PER_RUN }, () => milliseconds(() => void journal.state(GUEST, version()))),
          ),
      },
      peer: {
        name: "replay from version 1 to the middle one",
        run: () => milliseconds(() => replayTo(journal, events >> 1)),
      },
      runsMax: 3,
    },
  ];
}

function replayTo(journal: Journal, version: number): void {
  const state = new ContextState();
  for (const batch of journal.batches(GUEST, 1, version)) applyUpTo(state, batch, version);
}

export function milliseconds(run: () => void): number {
  const from = performance.now();
  run();
  return performance.now() - from;
}
