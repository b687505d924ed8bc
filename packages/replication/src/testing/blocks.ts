/** Journals with made-up blocks, for tests. */
import { EventBatch, type Iova } from "@ioasis/core";
import { type Journal, openMemoryJournal } from "@ioasis/store";

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
