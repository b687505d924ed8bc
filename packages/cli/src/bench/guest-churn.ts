/**
 * A guest that maps and unmaps pages without end, at VFIO's cap of live mappings. Its event at a
 * version follows from the version alone, so that whoever owns the context next goes on with it.
 */
import { byteLength, EventBatch, type IoasEvent, type Iova } from "@ioasis/core";
import type { Journal } from "@ioasis/store";

/** `dma_entry_limit` of vfio_iommu_type1. */
export const LIVE_MAPPINGS = 65_535;
/** Name of the context. */
export const GUEST = "guest";

const PAGE = 0x1000n;
const FIRST_IOVA = 0x1_0000_0000n;
/** Prime, so that it walks through all pages of the guest, never twice in a round. */
const STRIDE = 48_271;
const ACTOR = { comm: "qemu", pid: 4_711, tid: 4_712, cpu: null, flags: null } as const;

/** Version 1 makes the space, the next LIVE_MAPPINGS fill it; from then on a page is unmapped and mapped anew. */
export function churnEvent(version: number): IoasEvent {
  if (version === 1) return { type: "IoasAllocated", ioas: 0, kernelId: 1 };
  const step = version - 2 - LIVE_MAPPINGS;
  const page = step < 0 ? version - 2 : (Math.floor(step / 2) * STRIDE) % LIVE_MAPPINGS;
  const iova = (FIRST_IOVA + BigInt(page) * 2n * PAGE) as Iova;
  const last = (iova + PAGE - 1n) as Iova;
  if (step >= 0 && step % 2 === 0) return { type: "IovaUnmapped", ioas: 0, iova, last, bytes: byteLength(PAGE) };
  const gpa = BigInt((page * 7 + version) % 0x10_0000) * PAGE;
  return { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "gpa", gpa } };
}

/** `rows` events from version `first` on, ten microseconds apart. */
export function churnBatch(epoch: number, first: number, rows: number): EventBatch {
  const batch = new EventBatch(epoch, first, rows);
  for (let version = first; version < first + rows; version++) {
    const stamp = { clock: "guest", ticks: BigInt(version) * 10n, decimals: 6 };
    batch.push(churnEvent(version), { stamp, actor: ACTOR, errno: null, line: 0 });
  }
  return batch;
}

/** Appends up to version `last` in blocks of `rows` events; makes the context where it is missing. */
export async function churnUpTo(journal: Journal, last: number, rows: number): Promise<void> {
  const info = journal.context(GUEST) ?? (await journal.create(GUEST, "vfio-type1v2"));
  const epoch = info.epochs.at(-1)?.epoch ?? 1;
  for (let first = info.head.version + 1; first <= last; first += rows)
    await journal.append(GUEST, churnBatch(epoch, first, Math.min(rows, last - first + 1)));
}
