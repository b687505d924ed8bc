import { journalContract } from "./journal.contract.ts";
import { openMemoryJournal } from "./memory-journal.ts";

journalContract("memory", async () => openMemoryJournal());
