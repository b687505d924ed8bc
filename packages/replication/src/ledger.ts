/**
 * The ledger of one context: what its replicas tell each other about it, never the events.
 *
 * Documents: `epoch/E` (who owns epoch E and how it ended), `page/E/N` (up to 256 manifests of
 * epoch E, one each 16,384 versions: a block names the one before it by hash, so that a manifest
 * speaks for every block up to its own), `acks` (what each replica durably holds). Epoch and page
 * documents follow from the journal alone, so that replicas of one history have equal documents
 * and nothing is lost with a process: the ledger is made again from the journal when one starts,
 * which reads a block in 16,384 versions.
 */
import { pack } from "@ioasis/codec";
import { assert, IoasisError } from "@ioasis/core";
import type { Epoch, Journal, Point, ReplicaId } from "@ioasis/store";
import { actorOf, epochFrom, recordsOf } from "./epoch-record.ts";
import { packedFields } from "./fields.ts";
import { type LedgerContent, LedgerDocument, RivalRecords, type SyncState } from "./ledger-document.ts";
import { DOCUMENTS_MAX, EPOCHS_MAX, MANIFEST_VERSIONS, PAGE_MANIFESTS } from "./limits.ts";
import { type Fork, forkError, ManifestIndex, numberOf } from "./manifest-index.ts";
import { blockAt, type Manifest, manifestOf, pointOf } from "./records.ts";

const ACKS = "acks";
const DOCUMENT_NAME = /^(?:acks|epoch\/(\d{1,6})|page\/(\d{1,6})\/(\d{1,6}))$/;

/** What the ledger reads of a journal. */
export type BlockSource = Pick<Journal, "context" | "blocks">;

export class Ledger {
  readonly context: string;
  /** Goes up whenever a document changes. */
  revision = 0;
  readonly #documents = new Map<string, LedgerDocument>();
  readonly #manifests = new ManifestIndex();
  /** The journal's part that is in: how many manifests it has, and its epochs. */
  #number = 0;
  #epochs: readonly Epoch[] = [];

  constructor(context: string) {
    this.context = context;
  }

  get documents(): ReadonlyMap<string, LedgerDocument> {
    return this.#documents;
  }

  get manifestCount(): number {
    return this.#manifests.size;
  }

  get forks(): readonly Fork[] {
    return this.#manifests.forks;
  }

  /**
   * Adds what the journal has and the ledger has not. Cheap when there is nothing new.
   * @throws IoasisError ERR_FORK when another replica told otherwise
   */
  advance(journal: BlockSource): void {
    const info = journal.context(this.context);
    if (info === null) return;
    if (info.epochs !== this.#epochs) {
      for (const epoch of info.epochs) this.#addEpoch(epoch);
      this.#epochs = info.epochs;
    }
    while ((this.#number + 1) * MANIFEST_VERSIONS <= info.head.version) {
      const block = blockAt(journal, this.context, ++this.#number * MANIFEST_VERSIONS);
      assert(block !== null, "a version that is held has a block");
      const { epoch, firstVersion, count, digest } = block.header;
      this.#addManifest(info.epochs, { hash: block.hash, epoch, firstVersion, count, digest });
    }
  }

  #addEpoch(epoch: Epoch): void {
    const document = this.#document(`epoch/${epoch.epoch}`);
    for (const { actor, bytes } of recordsOf(epoch).slice(document.records.length)) document.append(actor, bytes);
    this.revision++;
  }

  #addManifest(epochs: readonly Epoch[], manifest: Manifest): void {
    const { epoch } = manifest;
    const forksBefore = this.forks.length;
    if (!this.#manifests.add(manifest)) return;
    const fork = this.forks[forksBefore];
    if (fork !== undefined) throw forkError(fork);
    const owner = epochs.find((known) => known.epoch === epoch)?.owner;
    assert(owner !== undefined, "a block's epoch is known");
    const page = Math.floor(numberOf(manifest) / PAGE_MANIFESTS);
    this.#document(`page/${epoch}/${page}`).append(actorOf(owner, epoch), pack(manifest));
    this.revision++;
  }

  /** Every epoch that is known, ascending. @throws IoasisError ERR_FORK */
  epochs(): readonly Epoch[] {
    return [...this.#documents]
      .flatMap(([name, document]) => {
        const number = DOCUMENT_NAME.exec(name)?.[1];
        return number === undefined ? [] : [epochFrom(Number(number), document.records)];
      })
      .filter((epoch): epoch is Epoch => epoch !== null)
      .sort((a, b) => a.epoch - b.epoch);
  }

  /** Tells the other replicas what this one holds. `run`: random, names this run of the process. */
  acknowledge(replica: ReplicaId, run: string, { version, digest }: Point): void {
    const actor = actorOf(`${replica}/${run}`, 0);
    this.#document(ACKS).put(actor, `${replica}/${run}`, pack({ replica, version, digest }));
    this.revision++;
  }

  /** The newest point that each replica is known to hold. */
  acks(): ReadonlyMap<ReplicaId, Point> {
    return acksIn(this.#documents.get(ACKS)?.latest ?? {});
  }

  /**
   * Takes a sync message for one document.
   * @throws IoasisError ERR_PROTOCOL, ERR_FORK (two histories of one epoch; both are listed in `forks`)
   */
  receive(name: string, state: SyncState, bytes: Uint8Array): SyncState {
    checkName(name);
    const document = this.#document(name);
    const before = document.revision;
    try {
      const next = document.receive(state, bytes, (content) => checkContent(name, content));
      if (document.revision !== before) this.#changed(name, document);
      return next;
    } catch (error) {
      if (error instanceof RivalRecords) throw this.#rivals(name, error);
      throw error;
    }
  }

  /** @throws IoasisError ERR_FORK */
  #changed(name: string, { records }: LedgerDocument): void {
    this.revision++;
    const forksBefore = this.forks.length;
    const epoch = DOCUMENT_NAME.exec(name)?.[1];
    if (epoch !== undefined) epochFrom(Number(epoch), records);
    // A record may have come in anywhere among the others, so all are looked at; a page is small.
    else if (name !== ACKS) for (const record of records) this.#manifests.add(readManifest(record));
    const fork = this.forks[forksBefore];
    if (fork !== undefined) throw forkError(fork);
  }

  #rivals(name: string, cause: RivalRecords): IoasisError {
    const forksBefore = this.forks.length;
    if (name.startsWith("page/")) for (const record of cause.rivals) this.#manifests.add(readManifest(record));
    const fork = this.forks[forksBefore] ?? this.forks[0];
    if (fork !== undefined) return forkError(fork);
    const message = `two histories of context "${this.context}" were written under one name (${name}): a journal was copied`;
    return new IoasisError("ERR_FORK", message, { context: this.context }, { cause });
  }

  #document(name: string): LedgerDocument {
    const known = this.#documents.get(name);
    if (known !== undefined) return known;
    if (this.#documents.size >= DOCUMENTS_MAX)
      throw new IoasisError(
        "ERR_LIMIT",
        `the ledger of context "${this.context}" has ${DOCUMENTS_MAX} documents already`,
      );
    const document = new LedgerDocument();
    this.#documents.set(name, document);
    return document;
  }
}

function checkName(name: string): void {
  const match = DOCUMENT_NAME.exec(name);
  const epoch = Number(match?.[1] ?? match?.[2] ?? 0);
  if (match === null || epoch > EPOCHS_MAX)
    throw new IoasisError("ERR_PROTOCOL", `${JSON.stringify(name)} names no document of a ledger`);
}

/** Every record can be read; a fork is none of its business. @throws IoasisError ERR_PROTOCOL */
function checkContent(name: string, { records, latest }: LedgerContent): void {
  const epoch = DOCUMENT_NAME.exec(name)?.[1];
  if (name === ACKS) acksIn(latest);
  else if (epoch === undefined) records.forEach(readManifest);
  else
    try {
      epochFrom(Number(epoch), records);
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code !== "ERR_FORK") throw error;
    }
}

function acksIn(latest: Readonly<Record<string, Uint8Array>>): ReadonlyMap<ReplicaId, Point> {
  const acks = new Map<ReplicaId, Point>();
  for (const value of Object.values(latest)) {
    const fields = packedFields(value, "acknowledgement");
    const replica = fields.text("replica");
    const point = pointOf(fields);
    if (point.version >= (acks.get(replica)?.version ?? 0)) acks.set(replica, point);
  }
  return acks;
}

function readManifest(record: Uint8Array): Manifest {
  return manifestOf(packedFields(record, "block manifest"));
}
