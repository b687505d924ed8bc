/** A journal that lives and dies with the process: for tests, and for answers about a file that is not kept. */
import { Catalog } from "./catalog.ts";
import { MemoryChapters } from "./chapter-store.ts";
import { FramedJournal } from "./framed-journal.ts";
import { newContextId, newReplicaId } from "./identity.ts";
import type { Journal, ReplicaId } from "./journal.ts";
import { MemoryKept } from "./kept.ts";
import { CHAPTER_ROWS_MIN } from "./limits.ts";
import { MemoryFrameLog } from "./memory-frame-log.ts";
import { SnapshotStore } from "./snapshot-store.ts";

export interface MemoryJournalOptions {
  readonly replica?: ReplicaId;
  /** Ids for new contexts, hex digits; default: random. */
  readonly nextId?: () => string;
  /** `rowsMin` of the history index. */
  readonly chapterRows?: number;
}

export function openMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  return new FramedJournal({
    replica: options.replica ?? newReplicaId("memory"),
    log: new MemoryFrameLog(),
    snapshots: new SnapshotStore(new MemoryKept()),
    models: new MemoryKept(),
    chapters: new MemoryChapters(options.chapterRows ?? CHAPTER_ROWS_MIN),
    catalog: new Catalog(),
    checkpoints: null,
    recovered: null,
    isReadOnly: false,
    nextId: options.nextId ?? newContextId,
    otherDamage: () => [],
    release: () => undefined,
  });
}
