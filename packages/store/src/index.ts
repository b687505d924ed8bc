/** The journal (port, in memory, on disk) and the way into it for recordings. */
export { bytesInMemory, type ChapterBytes, type ChapterName, type ChapterStore } from "./chapter-store.ts";
export { type Caller, createContext, Engine, type Executed, NOBODY } from "./engine.ts";
export { type DriftReport, FactRecorder, FLUSH_ROWS, type RecorderOptions } from "./fact-recorder.ts";
export { newImportId } from "./identity.ts";
export type {
  Accepted,
  AppendOptions,
  ContextInfo,
  Damage,
  Epoch,
  FinishedImport,
  ImportMark,
  Journal,
  Point,
  Recovery,
  ReplicaId,
  Seal,
  SettledFacts,
  StoredBlock,
  VerifyReport,
} from "./journal.ts";
export { type Checkpoint, checkpoints, type KnownImport, knownImport } from "./known-import.ts";
export { type MemoryJournalOptions, openMemoryJournal } from "./memory-journal.ts";
export { resolve } from "./resolve.ts";
export { openSegmentJournal, type SegmentJournalOptions } from "./segment-journal.ts";
