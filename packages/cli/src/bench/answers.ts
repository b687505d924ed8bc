/** `who` and `explain` on the largest shipped recording: in process, and as a command from a cold start. */
import { spawnSync } from "node:child_process";
import os from "node:os";
import type { Iova } from "@ioasis/core";
import { explainFault, type Fault, keepIndex, who } from "@ioasis/history";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import type { Bench } from "./measure.ts";
import type { Setting } from "./row.ts";

const IOVA = 0xfff2b000n as Iova;

/** As the import command leaves a journal. */
async function indexed(folder: string): Promise<void> {
  const journal = await openSegmentJournal(folder, { host: os.hostname() });
  try {
    for (const { name } of journal.contexts()) await keepIndex(journal, name);
  } finally {
    await journal.close();
  }
}

export async function answerBenches({ world, scratch }: Setting): Promise<readonly Bench[]> {
  const folder = scratch.fresh();
  await importRecording(world, KERNEL_TRACE, folder);
  await indexed(folder);
  const timed = (use: (journal: Journal, context: string) => void) => async (): Promise<number> => {
    const journal = await openSegmentJournal(folder, { host: os.hostname(), readOnly: true });
    try {
      const context = journal.contexts()[0]?.name ?? "";
      const from = performance.now();
      use(journal, context);
      return performance.now() - from;
    } finally {
      await journal.close();
    }
  };
  const fault: Fault = {
    format: "dmar",
    device: null,
    pasid: null,
    iova: IOVA,
    access: "read",
    reason: "",
    stamp: { clock: "dmesg", ticks: 13_000_000n, decimals: 6 },
  };
  const middle = (journal: Journal, context: string): number => (journal.context(context)?.head.version ?? 0) >> 1;
  return [
    bench(
      "who at the middle version, just opened",
      timed((journal, context) => {
        who(journal, context, { first: IOVA, last: IOVA }, middle(journal, context));
      }),
    ),
    bench(
      "explain a fault, just opened",
      timed((journal, context) => void explainFault(journal, context, fault)),
    ),
    bench("ioasis who as a command, cold start included", () => {
      const from = performance.now();
      spawnSync(process.execPath, [process.argv[1] as string, "who", "0xfff2b000", "--db", folder, "--json"]);
      return performance.now() - from;
    }),
  ];
}

function bench(name: string, run: () => Promise<number> | number): Bench {
  return { name: `${name}, 186 k events`, unit: "ms", workload: KERNEL_TRACE, subject: { run }, peer: null };
}
