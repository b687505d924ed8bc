import { journalContract } from "./journal.contract.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { temporaryDirectory } from "./testing/temporary-directory.ts";

journalContract("segment files", () => openSegmentJournal(temporaryDirectory(), { host: "test" }));
