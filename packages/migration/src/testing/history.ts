/** Made-up histories for tests: maps and unmaps of one space, as a guest with churn makes them. */
import { byteLength, EventBatch, type IoasEvent, type Iova } from "@ioasis/core";
import type { Journal, Point } from "@ioasis/store";

const PAGE = 0x1000n;
const SLOTS = 1_000;

/** The event at a version: the same for everybody. */
export function eventOf(version: number): IoasEvent {
  if (version === 1) return { type: "IoasAllocated", ioas: 0, kernelId: 1 };
  const step = version - 2;
  const slot = BigInt(step % SLOTS);
  const iova = (slot * PAGE) as Iova;
  const last = (iova + PAGE - 1n) as Iova;
  return Math.floor(step / SLOTS) % 2 === 0
    ? { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: 0x7f00_0000_0000n + iova } }
    : { type: "IovaUnmapped", ioas: 0, iova, last, bytes: byteLength(PAGE) };
}

/** Appends `count` events behind the head as one block. */
export async function append(journal: Journal, context: string, count: number, from = eventOf): Promise<Point> {
  const info = journal.context(context);
  const epoch = info?.epochs.at(-1)?.epoch ?? 1;
  const first = (info?.head.version ?? 0) + 1;
  const batch = new EventBatch(epoch, first, count);
  for (let version = first; version < first + count; version++)
    batch.push(from(version), { stamp: null, actor: null, errno: null, line: version });
  return journal.append(context, batch);
}

/** A context with `count` events in blocks of `blockEvents`. */
export async function fill(journal: Journal, context: string, count: number, blockEvents = 500): Promise<void> {
  await journal.create(context, "iommufd");
  for (let left = count; left > 0; left -= blockEvents) await append(journal, context, Math.min(left, blockEvents));
}
