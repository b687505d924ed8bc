/**
 * The ledger of one context: what its replicas tell each other about it, never the events.
 *
 * Documents: `epoch/E` (who owns epoch E and how it ended), `page/E/N` (the manifests of 256
 * blocks of epoch E), `acks` (what each replica durably holds). Epoch and page documents follow
 * from the journal alone, so that replicas of one history have equal documents and nothing is
 * lost with a process: the ledger is made again from the journal whenever one starts.
 */
import { pack } from "@ioasis/codec";
import { assert, IoasisError } from "@ioasis/core";
import type { Epoch, Journal, Point, ReplicaId } from "@ioasis/store";
import { actorOf, epochFrom, recordsOf } from "./epoch-record.ts";
import { packedFields } from "./fields.ts";
import { type LedgerContent, LedgerDocument, RivalRecords, type SyncState } from "./ledger-document.ts";
import { DOCUMENTS_MAX, EPOCHS_MAX, PAGE_MANIFESTS } from "./limits.ts";
import { type Fork, forkError, ManifestIndex } from "./manifest-index.ts";
import { type Manifest, manifestOf, pointOf } from "./records.ts";

const ACKS = "acks";
const DOCUMENT_NAME = /^(?:acks|epoch\/(\d{1,6})|page\/(\d{1,6})\/(\d{1,6}))$/;

export class Ledger {
  readonly context: string;
  /** Goes up whenever a document changes. */
  revision = 0;
  readonly #documents = new Map<string, LedgerDocument>();
  readonly #manifests = new ManifestIndex();
  /** The journal's part that is in: versions, blocks per epoch. */
  #version = 0;
  readonly #blocks = new Map<number, number>();
  #epochs: readonly Epoch[] = [];

  constructor(context: string) {
    this.context = context;
  }

  get documents(): ReadonlyMap<string, LedgerDocument> {
    return this.#documents;
  }

  /** Blocks that it lists. */
  get blockCount(): number {
    return this.#manifests.size;
  }

  get forks(): readonly Fork[] {
    return this.#manifests.forks;
  }

  /** Adds what the journal has and the ledger has not. Cheap when there is nothing new. */
  advance(journal: Journal): void {
    const info = journal.context(this.context);
    if (info === null) return;
    if (info.epochs !== this.#epochs) {
      for (const epoch of info.epochs) this.#addEpoch(epoch);
      this.#epochs = info.epochs;
    }
    if (info.head.version === this.#version) return;
    for (const block of journal.blocks(this.context, this.#version + 1, info.head.version)) {
      const { epoch, firstVersion, count, previous, digest } = block.header;
      const size = block.bytes().byteLength;
      this.#addBlock(info.epochs, { hash: block.hash, epoch, firstVersion, count, previous, digest, size });
    }
    this.#version = info.head.version;
  }

  #addEpoch(epoch: Epoch): void {
    const document = this.#document(`epoch/${epoch.epoch}`);
    for (const { actor, bytes } of recordsOf(epoch).slice(document.records.length)) document.append(actor, bytes);
    this.revision++;
  }

  #addBlock(epochs: readonly Epoch[], manifest: Manifest): void {
    const { epoch } = manifest;
    const number = this.#blocks.get(epoch) ?? 0;
    this.#blocks.set(epoch, number + 1);
    if (!this.#manifests.add(manifest)) return;
    const owner = epochs.find((known) => known.epoch === epoch)?.owner;
    assert(owner !== undefined, "a block's epoch is known");
    // The page follows from the block's place in its epoch: every replica writes the same one.
    const page = Math.floor(number / PAGE_MANIFESTS);
    this.#document(`page/${epoch}/${page}`).append(actorOf(owner, epoch), pack(manifest));
    this.revision++;
  }

  manifest(hash: string): Manifest | undefined {
    return this.#manifests.get(hash);
  }

  /** See `ManifestIndex.next`. @throws IoasisError ERR_FORK */
  next(head: number, previous: string, epochMax: number): Manifest | null {
    return this.#manifests.next(head, previous, epochMax);
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
