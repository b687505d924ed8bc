/** Histories to fill journals with: maps, unmaps, refusals and records, the same for the same numbers. */
import { type ByteLength, EventBatch, type IoasEvent, type Iova } from "@ioasis/core";
import type { ContextInfo, Journal } from "../journal.ts";

const PAGE = 0x1000n;

/** The event that has `version` in every sample history. */
export function sampleEvent(version: number): IoasEvent {
  const iova = (BigInt(version % 97) * 16n * PAGE) as Iova;
  const last = (iova + 4n * PAGE - 1n) as Iova;
  if (version === 1) return { type: "IoasAllocated", ioas: 0, kernelId: 7 };
  if (version % 50 === 0) return { type: "BookmarkSet", name: `at ${version}` };
  if (version % 11 === 0) return { type: "UnmapRefused", ioas: 0, iova, length: PAGE as ByteLength };
  if (version % 3 === 0) return { type: "IovaUnmapped", ioas: 0, iova, last, bytes: (4n * PAGE) as ByteLength };
  const source = { kind: "va", va: 0x7f00_0000_0000n + iova } as const;
  return { type: "IovaMapped", ioas: 0, iova, last, prot: version % 2 === 0 ? "rw" : "r", source };
}

/** Versions `first` ... `last`, all of which must be ones of the sample history. */
export function sampleBatch(first: number, last: number, epoch = 1): EventBatch {
  const batch = new EventBatch(epoch, first, last - first + 1);
  for (let version = first; version <= last; version++) {
    const stamp = { clock: "trace", ticks: BigInt(version) * 1000n, decimals: 6 };
    const actor = { comm: "qemu-system-x86", pid: 4242, tid: null, cpu: version % 4, flags: null };
    const errno = sampleEvent(version).type === "UnmapRefused" ? "ENOENT" : null;
    batch.push(sampleEvent(version), { stamp, actor, errno, line: version });
  }
  return batch;
}

/** Makes the context and fills it to the last of `ends`, one block up to each of them. */
export async function fill(journal: Journal, name: string, ends: readonly number[]): Promise<ContextInfo> {
  if (journal.context(name) === null) await journal.create(name, "iommufd");
  for (const end of ends) {
    const head = journal.context(name)?.head.version ?? 0;
    await journal.append(name, sampleBatch(head + 1, end));
  }
  return journal.context(name) as ContextInfo;
}

/** What the state shows, as plain values that compare. */
export function picture(state: ReturnType<Journal["live"]>): unknown {
  return {
    version: state.version,
    bookmarks: [...state.bookmarks],
    spaces: state.spaces.map(({ kernelId, isAlive, areas }) => ({ kernelId, isAlive, areas: [...areas.all()] })),
  };
}
