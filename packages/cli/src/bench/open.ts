/** A journal with a long history opened to its live state by a process that has just begun, beside a replay of all of it. */

import { constants } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import type { Bench } from "./measure.ts";
import type { Setting } from "./row.ts";
import { askTask, killTask } from "./tasks.ts";
import { churnText } from "./workload/churn.ts";
import { HISTORY_LIVE, history } from "./workload/history.ts";

export async function openBenches(setting: Setting, events: number): Promise<Bench[]> {
  const kept = await history(setting, events, HISTORY_LIVE);
  // What closing adds, and what a killed writer leaves, is no part of the history that others use.
  const directory = path.join(setting.scratch.fresh(), "journal");
  await cp(kept, directory, { recursive: true, mode: constants.COPYFILE_FICLONE });
  const size = `${events.toLocaleString("en")} events, ${HISTORY_LIVE.toLocaleString("en")} live`;
  return [
    {
      name: `open to the live state, cold process, ${size}`,
      unit: "ms",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atMost: 300 }],
      subject: { run: () => askTask("open", directory) },
      peer: { name: "replay from version 1", run: () => askTask("replay", kept) },
      runsMax: 3,
    },
    {
      name: `open to the live state after SIGKILL of a writer, cold process, ${size}`,
      unit: "ms",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atMost: 300 }],
      subject: {
        async run() {
          await killTask("grow", directory);
          return askTask("open", directory);
        },
      },
      peer: null,
    },
  ];
}
