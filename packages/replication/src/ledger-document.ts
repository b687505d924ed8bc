/**
 * One Automerge document of a ledger: an ordered list of byte records, and a map of latest values.
 *
 * Every document starts from the same hard-coded change, so that two replicas that made it apart
 * share its ancestry. A record is one change with time 0, written under an actor that the caller
 * derives from who wrote it where; so documents built from equal records are equal change by
 * change, and a second, different change of the same actor and sequence is refused by Automerge:
 * that is a fork.
 *
 * Only this file knows Automerge. Never loaded from a disk: the journal is the authority.
 */
import { createRequire } from "node:module";
import type * as Automerge from "@automerge/automerge";
import { IoasisError } from "@ioasis/core";

interface Shape {
  records: Uint8Array[];
  latest: Record<string, Uint8Array>;
  [key: string]: unknown;
}

export interface LedgerContent {
  readonly records: readonly Uint8Array[];
  readonly latest: Readonly<Record<string, Uint8Array>>;
}

export type SyncState = Automerge.SyncState;

const NOBODY = "00".repeat(16);
/** `{records: [], latest: {}}` by actor 00..00 at time 0; the test makes it again. */
const INITIAL_CHANGE = "hW9Kgwm//w8BOgAQAAAAAAAAAAAAAAAAAAAAAAEBAAAABRUQNAFCA1YCcAJ+B3JlY29yZHMGbGF0ZXN0An4CAAIAAgA=";
const INITIAL = Uint8Array.from(Buffer.from(INITIAL_CHANGE, "base64"));

let loaded: typeof Automerge | null = null;

/** Loaded with the first document: most commands have none, and its WebAssembly takes longer than they do. */
function automerge(): typeof Automerge {
  loaded ??= createRequire(import.meta.url)("@automerge/automerge") as typeof Automerge;
  return loaded;
}

/** Automerge found two different changes of one actor and sequence; `rivals`: the records that came in. */
export class RivalRecords extends Error {
  readonly rivals: readonly Uint8Array[];

  constructor(rivals: readonly Uint8Array[], cause: unknown) {
    super("two different changes of one writer", { cause });
    this.rivals = rivals;
  }
}

export class LedgerDocument {
  /** Goes up whenever the content changes. */
  revision = 0;
  #doc: Automerge.Doc<Shape>;

  constructor() {
    [this.#doc] = automerge().applyChanges(automerge().init<Shape>({ actor: NOBODY }), [INITIAL]);
  }

  get records(): readonly Uint8Array[] {
    return this.#doc.records;
  }

  get latest(): Readonly<Record<string, Uint8Array>> {
    return this.#doc.latest;
  }

  get heads(): readonly string[] {
    return automerge().getHeads(this.#doc);
  }

  /** Adds a record as one change of `actor` (32 hex digits). */
  append(actor: string, record: Uint8Array): void {
    this.#change(actor, (doc) => doc.records.push(record));
  }

  put(actor: string, key: string, value: Uint8Array): void {
    this.#change(actor, (doc) => {
      doc.latest[key] = value;
    });
  }

  #change(actor: string, edit: (doc: Shape) => void): void {
    if (automerge().getActorId(this.#doc) !== actor) this.#doc = automerge().clone(this.#doc, { actor });
    this.#doc = automerge().change(this.#doc, { time: 0 }, edit);
    this.revision++;
  }

  /** What a peer in `state` should hear next, if anything. */
  nextMessage(state: SyncState): { readonly state: SyncState; readonly bytes: Uint8Array | null } {
    const [next, bytes] = automerge().generateSyncMessage(this.#doc, state);
    return { state: next, bytes };
  }

  /**
   * `check` looks at the content that would come out of it, and throws when that is no ledger.
   * @throws IoasisError ERR_PROTOCOL when the bytes are no sync message, RivalRecords, or what
   *   `check` throws; the document is as before then
   */
  receive(state: SyncState, bytes: Uint8Array, check: (content: LedgerContent) => void = () => undefined): SyncState {
    const headsBefore = this.heads.join();
    // A document given to receiveSyncMessage is outdated even when it throws.
    const trial = automerge().clone(this.#doc, { actor: automerge().getActorId(this.#doc) });
    try {
      const [doc, next] = automerge().receiveSyncMessage(trial, state, Uint8Array.from(bytes));
      checkShape(doc);
      check(doc);
      if (automerge().getHeads(doc).join() !== headsBefore) this.revision++;
      this.#doc = doc;
      return next;
    } catch (cause) {
      if (cause instanceof IoasisError) throw cause;
      if (cause instanceof Error && cause.message.includes("duplicate seq"))
        throw new RivalRecords(recordsIn(bytes), cause);
      throw new IoasisError("ERR_PROTOCOL", "the peer sent a ledger message that cannot be read", {}, { cause });
    }
  }
}

export function newSyncState(): SyncState {
  return automerge().initSyncState();
}

function checkShape(doc: Automerge.Doc<Shape>): void {
  const { records, latest } = doc;
  const isLedger =
    Array.isArray(records) &&
    records.every((record) => record instanceof Uint8Array) &&
    typeof latest === "object" &&
    latest !== null &&
    Object.values(latest).every((value) => value instanceof Uint8Array);
  if (!isLedger) throw new IoasisError("ERR_PROTOCOL", "the peer's ledger holds something that is no ledger record");
}

/** Records that a sync message carries, read without applying it. */
function recordsIn(message: Uint8Array): readonly Uint8Array[] {
  return automerge()
    .decodeSyncMessage(Uint8Array.from(message))
    .changes.flatMap((chunk) =>
      isWholeDocument(chunk) ? automerge().load<Shape>(chunk).records : insertedBytes(automerge().decodeChange(chunk)),
    );
}

/** `decodeChange` gives bytes as a plain list of numbers. */
function insertedBytes({ ops }: Automerge.DecodedChange): readonly Uint8Array[] {
  return ops.flatMap((op) => ("value" in op && Array.isArray(op.value) ? [Uint8Array.from(op.value)] : []));
}

/** Byte 8 of an Automerge chunk is its type: 0 a document, 1 a change, 2 a compressed change. */
function isWholeDocument(chunk: Uint8Array): boolean {
  return chunk[8] === 0;
}
