/**
 * A process that appends to the journal in argv[2] until it is killed: one line on stdout an
 * acknowledged append, its version. Several appends are under way at any time.
 */
import { writeSync } from "node:fs";
import { openSegmentJournal } from "../segment-journal.ts";
import { sampleBatch } from "./sample-history.ts";

const UNDER_WAY = 4;

const journal = await openSegmentJournal(process.argv[2] as string, { host: "child" });
if (journal.context("guest") === null) await journal.create("guest", "iommufd");
let version = journal.context("guest")?.head.version ?? 0;
for (;;) {
  const appends = Array.from({ length: UNDER_WAY }, (_, i) => {
    const first = version + 1;
    version += 1 + ((version + i) % 300);
    return journal.append("guest", sampleBatch(first, version));
  });
  for (const append of appends) writeSync(1, `${(await append).version}\n`);
}
