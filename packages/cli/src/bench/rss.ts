/** The most memory that a process takes that makes a long history, and one that asks about it. */
import path from "node:path";
import type { Bench } from "./measure.ts";
import type { Setting } from "./row.ts";
import { remove } from "./scratch.ts";
import { askTask } from "./tasks.ts";
import { churnText } from "./workload/churn.ts";
import { HISTORY_LIVE, history } from "./workload/history.ts";

const RSS_MAX_MB = 400;

export async function rssBenches(setting: Setting, events: number): Promise<Bench[]> {
  const kept = await history(setting, events, HISTORY_LIVE);
  const bench = {
    unit: "MB",
    workload: churnText(HISTORY_LIVE),
    target: [{ of: "value", atMost: RSS_MAX_MB }],
    peer: null,
    // Long, and hardly different from run to run.
    runsMax: 1,
  } as const;
  return [
    {
      ...bench,
      name: `peak RSS of a process that appends ${events.toLocaleString("en")} events`,
      subject: {
        async run() {
          const directory = path.join(setting.scratch.fresh(), "journal");
          const peak = await askTask("make", directory, String(events));
          remove(directory);
          return peak;
        },
      },
    },
    {
      ...bench,
      name: `peak RSS of a process that asks who and the whole state at random versions of them`,
      subject: { run: () => askTask("ask", kept, String(events)) },
    },
  ];
}
