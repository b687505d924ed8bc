/**
 * The journal on disk.
 *
 * | in the directory | |
 * |---|---|
 * | `format.json` | format, identity of the replica |
 * | `lock` | held by the one process that may write; names its pid |
 * | `segments/00000001.log` ... | frames (`frame.ts`), only ever appended |
 * | `snapshots/`, `catalog.checkpoint` | may be deleted at any time |
 * | `index/` | chapters of the history index; may be deleted at any time |
 *
 * See docs/decisions/0002-segment-files.md for why, and for what a crash can take; 0007-open.md for the checkpoint.
 */
import path from "node:path";
import { IoasisError } from "@ioasis/core";
import { ChapterFiles } from "./chapter-files.ts";
import { CheckpointFile } from "./checkpoint-file.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import type { Disk, DiskLock } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { FramedJournal } from "./framed-journal.ts";
import { newContextId, newReplicaId } from "./identity.ts";
import type { Journal } from "./journal.ts";
import { FORMAT, readFormat, writeFormat } from "./journal-format.ts";
import { KeptFiles } from "./kept-files.ts";
import { MODEL_FILES } from "./model-keeper.ts";
import { nodeDisk } from "./node-disk.ts";
import { openCatalog } from "./open-catalog.ts";
import { SegmentLog } from "./segment-log.ts";
import { SNAPSHOT_FILES, SnapshotStore } from "./snapshot-store.ts";

export interface SegmentJournalOptions {
  /** Name of this host, for the identity of a journal that is made. */
  readonly host: string;
  /** Program and version, kept in a journal that is made. */
  readonly createdBy?: string;
  /** Takes no lock and writes nothing, so that it works beside a writer: sees what was there at opening. */
  readonly readOnly?: boolean;
  /** Default: the real one. */
  readonly disk?: Disk;
  /** Ids for new contexts, hex digits; default: random. */
  readonly nextId?: () => string;
  /** When the catalog is saved; default: CHECKPOINT_WORK in `limits.ts`. */
  readonly checkpointWork?: number;
  /** `rowsMin` of the history index. */
  readonly chapterRows?: number;
}

/**
 * Opens the journal in `directory`, which is made when it is absent (unless `readOnly`).
 * @throws IoasisError ERR_LOCKED, ERR_NEWER, ERR_INPUT (something else is there), ERR_DAMAGED, ERR_DISK
 */
export async function openSegmentJournal(directory: string, options: SegmentJournalOptions): Promise<Journal> {
  const disk = options.disk ?? nodeDisk;
  let lock: DiskLock | null = null;
  try {
    const format = readFormat(disk, directory);
    if (options.readOnly === true) {
      if (format === null) throw noJournal(directory);
      return await assemble(disk, directory, format.replica, options, null);
    }
    await makeDurable(disk, directory);
    lock = takeLock(disk, directory);
    // Another process may have made the journal before the lock was had.
    const replica = readFormat(disk, directory)?.replica ?? (await make(disk, directory, options));
    return await assemble(disk, directory, replica, options, lock);
  } catch (error) {
    lock?.release();
    throw diskFailure(disk, directory, "open the journal", error);
  }
}

async function assemble(
  disk: Disk,
  directory: string,
  replica: string,
  { nextId = newContextId, checkpointWork, chapterRows }: SegmentJournalOptions,
  lock: DiskLock | null,
): Promise<Journal> {
  // Before the log is read: they then tell of events that it must have.
  const snapshotFiles = new KeptFiles(disk, directory, SNAPSHOT_FILES);
  const snapshots = new SnapshotStore(snapshotFiles);
  const models = new KeptFiles(disk, directory, MODEL_FILES);
  const chapters = new ChapterFiles(disk, directory, lock !== null, chapterRows);
  const log = new SegmentLog(disk, directory);
  const checkpoints = new CheckpointFile(disk, directory, replica, log);
  const { catalog, last } = openCatalog(log, checkpoints, snapshots);
  return new FramedJournal({
    replica,
    log,
    snapshots,
    models,
    chapters,
    catalog,
    checkpoints: new CheckpointKeeper(catalog, checkpoints, checkpointWork),
    recovered: lock === null ? null : await log.openForAppend(last),
    isReadOnly: lock === null,
    nextId,
    otherDamage: () => [...snapshotFiles.damage(), ...models.damage(), ...checkpoints.damage()],
    release: () => {
      chapters.close();
      lock?.release();
    },
  });
}

async function make(
  disk: Disk,
  directory: string,
  { host, createdBy = "ioasis" }: SegmentJournalOptions,
): Promise<string> {
  const replica = newReplicaId(host);
  for (const folder of ["segments", "snapshots"]) disk.makeDirectory(`${directory}/${folder}`);
  await writeFormat(disk, directory, { format: FORMAT, replica, createdBy });
  return replica;
}

/** Makes the directory and those above it; their names are durable before anything is put into them. */
async function makeDurable(disk: Disk, directory: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path.resolve(directory); disk.kindOf(at) === null && path.dirname(at) !== at; at = path.dirname(at))
    missing.push(at);
  disk.makeDirectory(directory);
  for (const made of missing) await disk.syncDirectory(path.dirname(made));
}

function takeLock(disk: Disk, directory: string): DiskLock {
  const file = `${directory}/lock`;
  const lock = disk.lock(file, `${process.pid}\n`);
  if (!("heldBy" in lock)) return lock;
  const pid = lock.heldBy.trim();
  const message = `the journal ${directory} is open for writing in ${pid === "" ? "another process" : `process ${pid}`}. Wait for it or stop it, or name another journal with --db`;
  throw new IoasisError("ERR_LOCKED", message, { file, ...(pid === "" ? {} : { pid }) });
}

function noJournal(directory: string): IoasisError {
  const message = `there is no journal in ${directory}. Import something first, or name another with --db`;
  return new IoasisError("ERR_INPUT", message, { file: directory });
}
