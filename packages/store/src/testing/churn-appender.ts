/** A process that appends a churn to a new journal in argv[2] until it is killed: a line an acknowledged append, its version. */
import { writeSync } from "node:fs";
import { openSegmentJournal } from "../segment-journal.ts";
import { appendChurn } from "./churn.ts";

const [, , directory = "", checkpointWork = ""] = process.argv;
const journal = await openSegmentJournal(directory, { host: "child", checkpointWork: Number(checkpointWork) });
await appendChurn(journal, "guest", {
  events: Number.MAX_SAFE_INTEGER,
  live: 1_000,
  batchRows: 2_048,
  underWay: 4,
  onDurable: (version) => writeSync(1, `${version}\n`),
});
