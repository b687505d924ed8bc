/** Histories of a few events, for tests. */
import {
  type Errno,
  EventBatch,
  type IoasEvent,
  type Iova,
  lengthOf,
  type Prot,
  parseDecimal,
  type Source,
} from "@ioasis/core";
import { type Journal, openMemoryJournal } from "@ioasis/store";

export interface Step {
  readonly event: IoasEvent;
  /** `trace 4.878076`; the clock may be left out: `trace`. */
  readonly at?: string;
  readonly errno?: Errno;
  readonly comm?: string;
}

export const at = (value: number | bigint): Iova => BigInt(value) as Iova;

export const mapped = (
  iova: number,
  last: number,
  prot: Prot = "rw",
  source: Source = { kind: "va", va: 0x7f00n },
  ioas = 0,
): IoasEvent => ({
  type: "IovaMapped",
  ioas,
  iova: at(iova),
  last: at(last),
  prot,
  source,
});

export const unmapped = (iova: number, last: number, ioas = 0): IoasEvent => ({
  type: "IovaUnmapped",
  ioas,
  iova: at(iova),
  last: at(last),
  bytes: lengthOf(BigInt(iova), BigInt(last)),
});

/** The context `c`, a step a version, two steps a block. */
export async function historyOfSteps(...steps: readonly Step[]): Promise<Journal> {
  const journal = openMemoryJournal();
  await journal.create("c", "iommufd");
  for (let first = 0; first < steps.length; first += 2) {
    const batch = new EventBatch(1, first + 1, 2);
    for (const step of steps.slice(first, first + 2)) push(batch, step);
    await journal.append("c", batch);
  }
  return journal;
}

function push(batch: EventBatch, { event, at: when, errno, comm }: Step): void {
  const [clock, seconds] = when === undefined ? [] : when.includes(" ") ? when.split(" ") : ["trace", when];
  const reading = parseDecimal(seconds ?? "");
  const stamp = clock === undefined || reading === null ? null : { clock, ...reading };
  const actor = comm === undefined ? null : { comm, pid: 7, tid: null, cpu: null, flags: null };
  batch.push(event, { stamp, actor, errno: errno ?? null, line: 0 });
}
