/** The journal over any frame log: the rules are here, the bytes are below. */
import { EMPTY_DIGEST } from "@ioasis/codec";
import {
  applyBatch,
  assert,
  type ContextState,
  type EventBatch,
  IoasisError,
  type ProfileName,
  type SavedModel,
} from "@ioasis/core";
import { type Adopted, type AdoptedBlock, adopt, reachesBack } from "./adoption.ts";
import { makeBlock } from "./block-maker.ts";
import { type Catalog, importKey } from "./catalog.ts";
import type { ChapterStore } from "./chapter-store.ts";
import type { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { type ContextBirth, ContextLog } from "./context-log.ts";
import { draft, FRAME_CLOSED, FRAME_RECORD, type FrameDraft } from "./frame.ts";
import type { FrameLog, Place } from "./frame-log.ts";
import type {
  Accepted,
  AppendOptions,
  ContextInfo,
  Damage,
  Epoch,
  FinishedImport,
  Journal,
  Point,
  Recovery,
  ReplicaId,
  StoredBlock,
  VerifyReport,
} from "./journal.ts";
import type { Kept } from "./kept.ts";
import { BATCH_ROWS_MAX, CONTEXTS_MAX, NAME_LENGTH_MAX, QUEUE_BYTES_MAX } from "./limits.ts";
import { ModelKeeper } from "./model-keeper.ts";
import { checkOwner } from "./ownership.ts";
import { encodeRecord, type JournalRecord } from "./records.ts";
import { Replay } from "./replay.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { verifyLog } from "./verify.ts";

export interface JournalParts {
  readonly replica: ReplicaId;
  readonly log: FrameLog;
  readonly snapshots: SnapshotStore;
  readonly chapters: ChapterStore;
  readonly models: Kept;
  readonly catalog: Catalog;
  /** Null: the catalog is never saved. */
  readonly checkpoints: CheckpointKeeper | null;
  readonly recovered: Recovery | null;
  readonly isReadOnly: boolean;
  /** A new random id, hex digits. */
  readonly nextId: () => string;
  /** Damage outside the log, for `verify`. */
  readonly otherDamage: () => readonly Damage[];
  /** Gives back what opening took (the lock). */
  readonly release: () => void;
}

export class FramedJournal implements Journal {
  readonly replica: ReplicaId;
  readonly recovered: Recovery | null;
  readonly chapters: ChapterStore;
  readonly #parts: JournalParts;
  readonly #catalog: Catalog;
  readonly #replay: Replay;
  readonly #keeper: SnapshotKeeper;
  readonly #models: ModelKeeper;
  /** Names of contexts whose record is on its way to the disk. */
  readonly #coming = new Set<string>();
  #sequence: number;
  #closing: Promise<void> | null = null;

  constructor(parts: JournalParts) {
    this.replica = parts.replica;
    this.recovered = parts.recovered;
    this.chapters = parts.chapters;
    this.#parts = parts;
    this.#catalog = parts.catalog;
    this.#replay = new Replay(parts.log, parts.snapshots);
    this.#keeper = new SnapshotKeeper(parts.snapshots, this.#replay);
    this.#models = new ModelKeeper(parts.models, this.#replay);
    this.#sequence = parts.catalog.sequence;
  }

  get damage(): readonly Damage[] {
    return this.#catalog.damage;
  }

  contexts(): readonly ContextInfo[] {
    this.#checkAlive();
    return [...this.#catalog.byNumber.values()].map((context) => context.info());
  }

  context(name: string): ContextInfo | null {
    this.#checkAlive();
    return this.#catalog.byName.get(name)?.info() ?? null;
  }

  async create(name: string, profile: ProfileName): Promise<ContextInfo> {
    const from = { version: 0, digest: EMPTY_DIGEST };
    const epoch: Epoch = { epoch: 1, owner: this.replica, from, sealed: null, takeoverReason: null };
    this.#checkWritable();
    return this.#bear({ name, id: this.#parts.nextId(), profile, epochs: [epoch] });
  }

  async append(name: string, batch: EventBatch, { mark, state }: AppendOptions = {}): Promise<Point> {
    const context = this.#writable(name);
    assert(batch.length > 0, "an append has events");
    assert(
      state === undefined || state.version === batch.lastVersion,
      "a state that is given is that after the events",
    );
    const { tail } = context;
    // Only after an append that was refused for its size: the digest is found again from the disk.
    if (tail.feeding === null) await this.#caughtUp(context);
    checkOwner(context, this.replica, batch.epoch);
    if (batch.firstVersion !== tail.version + 1) throw staleAppend(context, batch);
    this.#checkRoom(batch);
    tail.feeding ??= this.#replay.feeding(context, tail.version);
    const block = makeBlock(context, tail.feeding, batch, mark ?? null);
    const point = { version: tail.version, digest: tail.digest };
    this.#keeper.afterAccept(context);
    await this.#commit(context, { blocks: [{ block, batch, state: state ?? null }], epochs: [] });
    return point;
  }

  async adoptContext({ name, id, profile, epochs }: Parameters<Journal["adoptContext"]>[0]): Promise<void> {
    this.#checkWritable();
    if (this.#catalog.byName.get(name)?.id === id) return;
    const newest = epochs.at(-1);
    if (newest?.owner === this.replica && newest.sealed === null) {
      const message = `context "${name}" is owned by this replica (${this.replica}), and its history is not here: it cannot come from elsewhere`;
      throw new IoasisError("ERR_OWNER_HERE", message, { context: name, epoch: newest.epoch });
    }
    if (!/^[0-9a-f]{8,64}$/.test(id)) throw new IoasisError("ERR_BLOCK", `"${id}" is not the id of a context`);
    await this.#bear({ name, id, profile, epochs: [...epochs] });
  }

  accepted(name: string): Accepted {
    const { version, digest, epochs } = this.#known(name).tail;
    return { version, digest, epochs };
  }

  async adopt(name: string, blocks: readonly Uint8Array[], epochs: readonly Epoch[] = []): Promise<Point> {
    const context = this.#writable(name);
    // What is looked up for these two is on the disk only.
    const looksUp = blocks.length > 0 && (context.tail.feeding === null || reachesBack(context, blocks));
    if (looksUp && context.tail.version !== context.version) await this.#caughtUp(context);
    const adopted = adopt(context, this.replica, blocks, epochs, this.#replay);
    const point = { version: context.tail.version, digest: context.tail.digest };
    if (adopted.blocks.length > 0) this.#keeper.afterAccept(context);
    if (adopted.blocks.length + adopted.epochs.length > 0) await this.#commit(context, adopted);
    else await context.settled.then(() => this.#checkAlive());
    return point;
  }

  async recordEpoch(name: string, epoch: Epoch): Promise<void> {
    await this.adopt(name, [], [epoch]);
  }

  async recordImport(finished: FinishedImport): Promise<void> {
    this.#checkWritable();
    const frame = recordFrame({ kind: "import", context: 0, finished }, ++this.#sequence);
    const { sequence } = frame;
    await this.#push([frame], () => {
      this.#catalog.sequence = sequence;
      this.#catalog.imports.set(importKey(finished), finished);
    });
  }

  imports(): readonly FinishedImport[] {
    this.#checkAlive();
    return [...this.#catalog.imports.values()];
  }

  blocks(name: string, from = 1, to?: number): Iterable<StoredBlock> {
    const context = this.#known(name);
    return this.#replay.blocks(context, from, to ?? endOf(context));
  }

  batches(name: string, from = 1, to?: number): Iterable<EventBatch> {
    const context = this.#known(name);
    return this.#replay.batches(context, from, to ?? endOf(context));
  }

  live(name: string): ContextState {
    const context = this.#known(name);
    if (context.damagedFrom !== null) throw context.damaged();
    context.live ??= this.#replay.state(context, context.version);
    return context.live;
  }

  state(name: string, version?: number): ContextState {
    const context = this.#known(name);
    const { live } = context;
    if (live === null || (version ?? endOf(context)) !== context.version)
      return this.#replay.state(context, version ?? endOf(context));
    return live.snapshot();
  }

  digest(name: string, version: number): string {
    return this.#replay.digest(this.#known(name), version);
  }

  async snapshot(name: string): Promise<void> {
    await this.#keeper.take(this.#writable(name));
  }

  models(name: string): Iterable<SavedModel> {
    return this.#models.usable(this.#known(name));
  }

  saveModel(name: string, version: number, bytes: Uint8Array): Promise<void> {
    return this.#models.save(this.#writable(name), version, bytes);
  }

  verify(): Promise<VerifyReport> {
    this.#checkAlive();
    return verifyLog(this.#parts.log, this.#catalog, this.#parts.otherDamage());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { log, isReadOnly, release } = this.#parts;
    try {
      if (!isReadOnly) await this.#finish();
      await log.close();
    } finally {
      release();
    }
  }

  /** What a clean end adds: snapshots, and the proof that everything before was acknowledged. */
  async #finish(): Promise<void> {
    await Promise.allSettled([...this.#catalog.byNumber.values()].map(({ settled }) => settled));
    if (this.#parts.log.failure() !== null) return;
    await this.#keeper.finish(this.#catalog.byNumber.values());
    await this.#parts.checkpoints?.finish();
    await this.#models.idle();
    if (this.#catalog.isClosed) return;
    const closed = draft(FRAME_CLOSED, 0, ++this.#sequence, new Uint8Array(0));
    // Without it the journal is as good as after a crash.
    await this.#push([closed], () => undefined).catch(() => undefined);
  }

  async #bear(birth: Omit<ContextBirth, "context">): Promise<ContextInfo> {
    const { name } = birth;
    if (name === "" || name.length > NAME_LENGTH_MAX)
      throw new IoasisError("ERR_INPUT", `a context's name has 1 to ${NAME_LENGTH_MAX} characters`);
    if (this.#catalog.byName.has(name) || this.#coming.has(name)) {
      const message = `there is a context "${name}" already. Choose another name`;
      throw new IoasisError("ERR_CONTEXT_EXISTS", message, { context: name });
    }
    if (this.#catalog.byNumber.size >= CONTEXTS_MAX)
      throw new IoasisError("ERR_LIMIT", `the journal holds ${CONTEXTS_MAX} contexts, no more fit. Begin another`);
    const context = new ContextLog({ ...birth, context: ++this.#catalog.numberMax });
    this.#coming.add(name);
    const record = recordFrame({ kind: "context", ...birth, context: context.number }, 1);
    await this.#push([record], () => {
      this.#coming.delete(name);
      // An empty state costs nothing, and keeping it up spares the replay later.
      context.live = this.#replay.state(context, 0);
      this.#catalog.addContext(context);
    });
    return context.info();
  }

  async #commit(context: ContextLog, { blocks, epochs }: Adopted): Promise<void> {
    const lengths = blocks.map(({ batch }) => batch.length);
    const frames = [
      ...blocks.flatMap(({ block }) => block.frames),
      ...epochs.map(({ epoch, sequence }) => recordFrame({ kind: "epoch", context: context.number, epoch }, sequence)),
    ];
    const durable = this.#push(frames, (places) => {
      let at = 0;
      for (const [i, adopted] of blocks.entries()) {
        this.#afterDurable(context, adopted, lengths[i] as number, places[at]);
        at += adopted.block.frames.length;
      }
      for (const { epoch } of epochs) {
        context.sequence++;
        context.addEpoch(epoch);
      }
    });
    await this.#settle(context, durable);
  }

  #afterDurable(
    context: ContextLog,
    { block, batch, state }: AdoptedBlock,
    length: number,
    place: Place | undefined,
  ): void {
    assert(place !== undefined, "a block has a place");
    this.#catalog.addBlock(context, block, place);
    if (state !== null) context.live = state;
    else if (context.live !== null) applyBatch(context.live, batch, 0, length);
    this.#keeper.afterDurable(context);
  }

  /** Resolves when everything that was accepted is durable. */
  async #caughtUp(context: ContextLog): Promise<void> {
    while (context.tail.version !== context.version) {
      await context.settled;
      this.#writable(context.name);
    }
  }

  async #settle(context: ContextLog, durable: Promise<void>): Promise<void> {
    const before = context.settled;
    context.settled = Promise.allSettled([before, durable]);
    await durable;
  }

  #push(frames: readonly FrameDraft[], onDurable: Parameters<FrameLog["append"]>[1]): Promise<void> {
    return this.#parts.log.append(frames, (places) => {
      this.#catalog.isClosed = false;
      for (const [index, { hash }] of frames.entries())
        this.#catalog.took(places[index] as Place, hash.toString("hex"));
      onDurable(places);
      this.#parts.checkpoints?.afterDurable();
    });
  }

  #known(name: string): ContextLog {
    this.#checkAlive();
    const context = this.#catalog.byName.get(name);
    if (context !== undefined) return context;
    const names = [...this.#catalog.byName.keys()].slice(0, 5).map((other) => `"${other}"`);
    const hint = names.length === 0 ? "The journal is empty" : `There are ${names.join(", ")}`;
    throw new IoasisError("ERR_NO_CONTEXT", `there is no context "${name}". ${hint}`, { context: name });
  }

  #writable(name: string): ContextLog {
    this.#checkWritable();
    const context = this.#known(name);
    if (context.damagedFrom !== null) throw context.damaged();
    return context;
  }

  #checkWritable(): void {
    this.#checkAlive();
    assert(!this.#parts.isReadOnly, "the journal was opened for reading only");
  }

  #checkAlive(): void {
    assert(this.#closing === null, "the journal is closed");
    const failure = this.#parts.log.failure();
    if (failure !== null) throw failure;
  }

  #checkRoom(batch: EventBatch): void {
    if (batch.length > BATCH_ROWS_MAX)
      throw new IoasisError("ERR_LIMIT", `${batch.length} events in one append, at most ${BATCH_ROWS_MAX} fit`);
    if (this.#parts.log.pendingBytes > QUEUE_BYTES_MAX)
      throw new IoasisError("ERR_LIMIT", `more than ${QUEUE_BYTES_MAX} bytes wait for the disk: await earlier appends`);
  }
}

/** The head; behind it where it is damaged, so that whoever wants everything is told. */
function endOf({ damagedFrom, version }: ContextLog): number {
  return damagedFrom ?? version;
}

function recordFrame(record: JournalRecord, sequence: number): FrameDraft {
  return draft(FRAME_RECORD, record.context, sequence, encodeRecord(record));
}

function staleAppend({ name, tail }: ContextLog, { firstVersion }: EventBatch): IoasisError {
  const message = `context "${name}" is at version ${tail.version}, the events are to follow version ${firstVersion - 1}: another append came first`;
  return new IoasisError("ERR_STALE", message, { context: name, version: tail.version, expected: firstVersion - 1 });
}
