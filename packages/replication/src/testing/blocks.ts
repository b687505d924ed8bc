/** Journals with made-up blocks, for tests. */
import { blockHash, pack } from "@ioasis/codec";
import { EventBatch, type Iova } from "@ioasis/core";
import { type ContextInfo, type Journal, openMemoryJournal, type StoredBlock } from "@ioasis/store";
import type { BlockSource } from "../ledger.ts";

/** Appends a block of `count` maps; `mark` makes its events different from those of another mark. */
export async function appendBlock(journal: Journal, context: string, count: number, mark = 0): Promise<void> {
  const info = journal.context(context);
  const first = (info?.head.version ?? 0) + 1;
  const batch = new EventBatch(info?.epochs.at(-1)?.epoch ?? 1, first, count);
  for (let version = first; version < first + count; version++) {
    const iova = (BigInt(version) * 0x1000n) as Iova;
    const last = (iova + 0xfffn) as Iova;
    const source = { kind: "va", va: BigInt(mark) } as const;
    batch.push(
      { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source },
      { stamp: null, actor: null, errno: null, line: version },
    );
  }
  await journal.append(context, batch);
}

/** A journal of `replica` with `blocks` blocks of 10 events in the context "guest". */
export async function journalOf(replica: string, blocks: number, nextId?: () => string): Promise<Journal> {
  const journal = openMemoryJournal({ replica, ...(nextId === undefined ? {} : { nextId }) });
  await journal.create("guest", "iommufd");
  for (let i = 0; i < blocks; i++) await appendBlock(journal, "guest", 10);
  return journal;
}

/** A history of any length in blocks of `rows` events, of which there are headers only; `read` counts them. */
export class HeadersOnly implements BlockSource {
  read = 0;
  version: number;
  readonly #rows: number;
  readonly #mark: string;

  constructor(version: number, rows = 4_096, mark = "") {
    this.version = version;
    this.#rows = rows;
    this.#mark = mark;
  }

  context(): ContextInfo {
    const from = { version: 0, digest: "0".repeat(64) };
    return {
      name: "guest",
      id: "c0ffee00c0ffee00",
      profile: "iommufd",
      head: { version: this.version, digest: this.#hash(this.version) },
      epochs: [{ epoch: 1, owner: "alpha-1", from, sealed: null, takeoverReason: null }],
      imports: [],
      damagedFrom: null,
    };
  }

  *blocks(_: string, from = 1, to = this.version): Generator<StoredBlock> {
    for (let first = from - ((from - 1) % this.#rows); first <= to; first += this.#rows) {
      this.read++;
      const hash = this.#hash(first);
      const previous = first === 1 ? "" : this.#hash(first - this.#rows);
      const place = { contextId: "c0ffee00c0ffee00", epoch: 1, firstVersion: first, count: this.#rows };
      yield { header: { ...place, previous, digest: hash, mark: null }, hash, bytes: () => Uint8Array.of(1) };
    }
  }

  #hash(version: number): string {
    return blockHash(pack([this.#mark, version]));
  }
}
