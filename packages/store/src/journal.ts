/**
 * The port of the authority: an append-only record of every context's history.
 *
 * Events are kept in sealed blocks; a block is immutable, names its predecessor by hash and ends
 * with the digest of the history up to it. Beside blocks there are records (few, small): epochs
 * and their owners, finished imports. Everything of one `append` is durable or absent as a whole.
 *
 * The contract suite (journal.contract.ts) is the specification; every adapter passes it.
 */
import type { BlockHeader } from "@ioasis/codec";
import type { ContextState, EventBatch, ProfileName, SavedModel } from "@ioasis/core";
import type { ChapterStore } from "./chapter-store.ts";

/** Names one journal: `HOSTNAME-8 hex digits`, made when the journal is; a lost journal is never the same replica. */
export type ReplicaId = string;

/** A point of a history: everything up to `version`, whose digest is `digest` (64 hex digits). */
export interface Point {
  readonly version: number;
  readonly digest: string;
}

/** The end of a history as the next append sees it: perhaps not yet durable. */
export interface Accepted extends Point {
  readonly epochs: readonly Epoch[];
}

/** What the journal keeps of an epoch; see packages/migration/SPEC.md for the rules. */
export interface Epoch {
  readonly epoch: number;
  readonly owner: ReplicaId;
  readonly from: Point;
  /** Set once the owner sealed it: nobody appends in it any more. */
  readonly sealed: Seal | null;
  /** Set on a takeover: the reason an operator gave. */
  readonly takeoverReason: string | null;
}

export interface Seal {
  readonly at: Point;
  readonly successor: ReplicaId;
  /** Identity of the migration that the seal belongs to. */
  readonly migration: string;
  /** RFC 3339; when the seal was made, for people. */
  readonly since: string;
  /** The named successor promised never to claim. */
  readonly isReleased: boolean;
}

/** A file (or a prefix of one) whose facts are in the journal. */
export interface ImportMark {
  /** Random, given when the import starts; the same for all contexts of one file. */
  readonly id: string;
  /** The decoder's key of the context within the file (`Fact.context`). */
  readonly key: string;
  readonly file: string;
  readonly format: string;
  /** Bytes of the (decompressed) content up to the last line that counted, and their SHA-256. */
  readonly offset: number;
  readonly sha256: string;
  /** Facts of this import in this context so far. */
  readonly facts: number;
}

/** Facts of one context that only the end of the file settled: had it gone on, they might read otherwise. */
export interface SettledFacts {
  /** How many, the last ones of the import so far. */
  readonly facts: number;
  /** Hash of them, to see in the grown file whether they read the same there. */
  readonly sha256: string;
}

/** An import that went through to the end of its file. */
export interface FinishedImport {
  readonly id: string;
  readonly file: string;
  readonly format: string;
  readonly offset: number;
  readonly sha256: string;
  /** By the decoder's key. */
  readonly settled: Readonly<Record<string, SettledFacts>>;
}

export interface ContextInfo {
  readonly name: string;
  /** Random, given at creation; the same on every replica. */
  readonly id: string;
  readonly profile: ProfileName;
  readonly head: Point;
  readonly epochs: readonly Epoch[];
  /** The newest mark of each import that added to the context. */
  readonly imports: readonly ImportMark[];
  /** Versions from here on are damaged or lost: unreadable, and nothing may be appended. Null: intact. */
  readonly damagedFrom: number | null;
}

export interface AppendOptions {
  readonly mark?: ImportMark;
  /** The state after the events, of one who folded them anyway: the journal's own from then on, and nobody else's. */
  readonly state?: ContextState;
}

/** A sealed block where it lies: header parsed, body untouched. */
export interface StoredBlock {
  readonly header: BlockHeader;
  /** Its content address, 64 hex digits (`blockHash`). */
  readonly hash: string;
  /** The whole encoded block, as `decodeBlock` takes it and as it is sent to other replicas. */
  bytes(): Uint8Array;
}

export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** First version that cannot be trusted; null when the damage is not in a context's history. */
  readonly version: number | null;
  readonly context: string | null;
  readonly what: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly blocks: number;
  readonly events: number;
  /** Head digest of every intact context. */
  readonly digests: Readonly<Record<string, string>>;
  readonly damage: readonly Damage[];
}

/** A write that a crash cut short, never acknowledged, and that opening the journal removed. */
export interface Recovery {
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Only what is durable is ever shown. Methods that need a damaged part throw ERR_DAMAGED; once the
 * disk has failed every method but `close` throws ERR_DISK until the journal is opened again.
 */
export interface Journal {
  readonly replica: ReplicaId;
  /** Null: the last session ended cleanly, or the journal was opened for reading only. */
  readonly recovered: Recovery | null;
  /** What opening found damaged; `verify` looks deeper. */
  readonly damage: readonly Damage[];
  /** Where the history index lies beside the blocks. Disposable; nothing but answers is read from it. */
  readonly chapters: ChapterStore;

  contexts(): readonly ContextInfo[];
  context(name: string): ContextInfo | null;

  /**
   * Makes an empty context whose epoch 1 this replica owns.
   * @throws IoasisError ERR_CONTEXT_EXISTS, ERR_INPUT (no name), ERR_LIMIT
   */
  create(name: string, profile: ProfileName): Promise<ContextInfo>;

  /**
   * Appends the rows of `batch` as one block and resolves when it is durable. Calls that overlap
   * in time share one fsync (group commit).
   *
   * `batch.firstVersion` is the expected version plus one, `batch.epoch` the epoch appended in.
   * @throws IoasisError ERR_NOT_OWNER (this replica does not own the unsealed epoch),
   *   ERR_STALE (another append came first), ERR_DISK, ERR_NO_CONTEXT, ERR_DAMAGED, ERR_LIMIT
   */
  append(context: string, batch: EventBatch, options?: AppendOptions): Promise<Point>;

  /** Where the next append goes: the head and the epochs once everything that was accepted is durable. */
  accepted(context: string): Accepted;

  /**
   * Adopts a context or blocks of one from another replica, bytes unchanged; checks the chain, the
   * digest of every block (by decoding it), the order and that the block's epoch is known. All of
   * the blocks are adopted or none; those that are here already are passed over. Behind them it
   * records `epochs` (as `recordEpoch` does): one commit for all, in this order. Durable when
   * resolved; calls may overlap in time, each goes on behind the one before.
   * That a block is the one that its owner made (its mark is not part of the digest) is the caller's
   * to check, by its hash.
   * @throws IoasisError ERR_BLOCK (damaged, out of order or of another history), ERR_OWNER_HERE
   *   (this replica owns the epoch: its history cannot come from elsewhere); of `recordEpoch`
   */
  adoptContext(info: Pick<ContextInfo, "name" | "id" | "profile" | "epochs">): Promise<void>;
  adopt(context: string, blocks: readonly Uint8Array[], epochs?: readonly Epoch[]): Promise<Point>;

  /**
   * Records an epoch (claimed, sealed, released, taken over) as it is now; durable when resolved.
   *
   * The rules of who may do so are the caller's (migration), except: epochs are dense (a takeover may
   * leave one number out, that of the claim which it overrules); owner and start of an epoch never
   * change; a seal is never taken back; an epoch that this replica claims starts at the end of what
   * it accepted, and one that it seals ends there: the record is durable behind that.
   * @throws IoasisError ERR_PROTOCOL (against the rules), ERR_STALE (the head is elsewhere)
   */
  recordEpoch(context: string, epoch: Epoch): Promise<void>;

  recordImport(finished: FinishedImport): Promise<void>;
  /** Every finished import; one whose file grew is there once for each length it had. */
  imports(): readonly FinishedImport[];

  /** Blocks that hold versions `from` ... `to` (both included), in order. */
  blocks(context: string, from?: number, to?: number): Iterable<StoredBlock>;

  /** Decoded batches that hold versions `from` ... `to`; the first and last may reach beyond. */
  batches(context: string, from?: number, to?: number): Iterable<EventBatch>;

  /**
   * The state at the head, kept up with every append: for looking, never to be changed. Another
   * look after an append sees it changed.
   */
  live(context: string): ContextState;

  /**
   * The state at `version` (default: the head), from the nearest snapshot at or below it and the
   * blocks after. A new object at every call: the caller may keep folding into it.
   * @throws IoasisError ERR_VERSION (the history does not go so far), ERR_DAMAGED
   */
  state(context: string, version?: number): ContextState;

  /** Digest of the history up to `version`. */
  digest(context: string, version: number): string;

  /** Saves a snapshot of the head, so that the next open is short. Disposable. */
  snapshot(context: string): Promise<void>;

  /**
   * Saved models of a context that takes commands, newest first, each of this history and before its damage. A damaged
   * one, or of a format that is read no more, is passed over.
   */
  models(context: string): Iterable<SavedModel>;

  /** Keeps a model (`sealModel`) at a version that a block ends with, for the next engine. Disposable. */
  saveModel(context: string, version: number, bytes: Uint8Array): Promise<void>;

  /** Reads everything again from the disk and checks it. */
  verify(): Promise<VerifyReport>;

  /** Waits for what is under way, then releases files and the lock. Idempotent. */
  close(): Promise<void>;
}
