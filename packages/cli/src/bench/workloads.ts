/** Replay of what guests and their drivers really do: recordings, a boot, a burst, addresses far apart. */

import os from "node:os";
import type { EventBatch } from "@ioasis/core";
import { openSegmentJournal } from "@ioasis/store";
import { importRecording, KERNEL_TRACE } from "./import.ts";
import { type Bench, beside } from "./measure.ts";
import { replayed, sortedTreePeer } from "./replay.ts";
import type { Setting } from "./row.ts";
import { churnBatches, eventBatches } from "./workload/batches.ts";
import { bootOfLargeGuest } from "./workload/boot.ts";
import { burstsOfHugePages } from "./workload/burst.ts";
import { Churn } from "./workload/churn.ts";

const SPARSE_LIVE = 65_535;

export async function workloadBenches(setting: Setting, events: number): Promise<Bench[]> {
  return [
    ...(await bench("the kernel trace that ships", await recorded(setting))),
    ...(await bench("boots of a guest of 1 TiB, with hotplug and resets", [...eventBatches(bootOfLargeGuest(events))])),
    ...(await bench("bursts of hugepages, as DPDK maps them", [...eventBatches(burstsOfHugePages(events))])),
    ...(await bench("churn over 48 bits, 65,535 live", [...churnBatches(new Churn(SPARSE_LIVE, "sparse"), 1, events)])),
  ];
}

async function bench(workload: string, batches: readonly EventBatch[]): Promise<Bench[]> {
  return beside(
    {
      name: `replay of ${workload}, ${(batches.at(-1)?.lastVersion ?? 0).toLocaleString("en")} events`,
      unit: "events/s",
      workload,
      subject: { run: () => replayed(batches) },
    },
    [await sortedTreePeer(batches)],
  );
}

async function recorded({ world, scratch }: Setting): Promise<EventBatch[]> {
  const directory = scratch.fresh();
  await importRecording(world, KERNEL_TRACE, directory);
  const journal = await openSegmentJournal(directory, { host: os.hostname(), readOnly: true });
  try {
    return [...journal.batches(journal.contexts()[0]?.name ?? "")];
  } finally {
    await journal.close();
  }
}
