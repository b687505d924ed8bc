/** Histories that do everything that a recording can do to a range, from a seed. */
import {
  type Actor,
  byteLength,
  type Errno,
  EventBatch,
  type IoasEvent,
  type Iova,
  lengthOf,
  PROTS,
  type Range,
  type Source,
  U64_MAX,
} from "@ioasis/core";
import { type Journal, openMemoryJournal } from "@ioasis/store";

const SPACES = 3;
const DEVICES = ["0000:00:05.0", "0000:00:06.0", "0000:00:07.0"];
const PAGE = 0x1000n;

/** Whole numbers below a bound, the same ones for the same seed. */
export class Chance {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * bound);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  /** Some pages out of a few, so that ranges meet; now and then an end of the space. */
  range(): Range {
    const edge = this.below(40);
    if (edge === 0) return { first: 0n as Iova, last: U64_MAX as Iova };
    if (edge === 1) return { first: (U64_MAX - PAGE + 1n) as Iova, last: U64_MAX as Iova };
    const first = BigInt(this.below(64)) * PAGE + (this.below(9) === 0 ? 1n : 0n);
    return { first: first as Iova, last: (first + BigInt(1 + this.below(3)) * PAGE - 1n) as Iova };
  }
}

/** The context `c`: `events` events in blocks of a few, with chapters of `chapterRows` rows. */
export async function randomHistory(seed: number, events: number, chapterRows: number): Promise<Journal> {
  const chance = new Chance(seed);
  const journal = openMemoryJournal({ chapterRows });
  await journal.create("c", "iommufd");
  const mapped: (Range & { readonly ioas: number })[] = [];
  for (let version = 1; version <= events; ) {
    const batch = new EventBatch(1, version, 1 + chance.below(9));
    for (; !batch.isFull && version <= events; version++) {
      const { event, errno } = step(chance, mapped);
      const actor: Actor | null = chance.below(3) === 0 ? null : actorOf(chance);
      const clock = chance.one([null, "trace", "trace", "dmesg"]);
      const stamp = clock === null ? null : { clock, decimals: 6, ticks: BigInt(version * 10 - chance.below(15)) };
      batch.push(event, { stamp, actor, errno, line: version });
    }
    await journal.append("c", batch);
  }
  return journal;
}

interface Step {
  readonly event: IoasEvent;
  readonly errno: Errno | null;
}

function step(chance: Chance, mapped: (Range & { readonly ioas: number })[]): Step {
  const kind = chance.below(100);
  const range = chance.range();
  const ioas = chance.below(SPACES);
  const { first, last } = range;
  if (kind < 45) {
    mapped.push({ ...range, ioas });
    const source = sourceOf(chance, range);
    return done({ type: "IovaMapped", ioas, iova: first, last, prot: chance.one(PROTS), source });
  }
  if (kind < 80) {
    const known = chance.below(4) === 0 ? undefined : mapped.splice(chance.below(mapped.length), 1)[0];
    const from = known ?? { ...range, ioas };
    const bytes = chance.below(5) === 0 ? byteLength(0n) : lengthOf(from.first, from.last);
    return done({ type: "IovaUnmapped", ioas: from.ioas, iova: from.first, last: from.last, bytes });
  }
  if (kind < 88) {
    const length = byteLength(chance.one([0n, PAGE, U64_MAX, 1n << 64n]));
    const where = chance.below(3) === 0 ? null : ioas;
    if (chance.below(2) === 0)
      return { event: { type: "UnmapRefused", ioas: where, iova: first, length }, errno: "ENOENT" };
    const iova = chance.below(5) === 0 ? null : first;
    const source = sourceOf(chance, range);
    return { event: { type: "MapRefused", ioas: where, iova, length, prot: "r", source }, errno: "EEXIST" };
  }
  return done(record(chance, ioas, range));
}

function record(chance: Chance, ioas: number, { first, last }: Range): IoasEvent {
  const device = chance.one(DEVICES);
  switch (chance.below(14)) {
    case 0:
      return { type: "IoasAllocated", ioas, kernelId: chance.below(9) };
    case 1:
      return { type: "IoasDestroyed", ioas };
    case 2:
      return { type: "IoasFound", ioas, kernelId: chance.below(9) };
    case 3:
      return { type: "IovaReserved", ioas, owner: `device:${device}`, iova: first, last };
    case 4:
      return { type: "IovaUnreserved", ioas, owner: `device:${device}` };
    case 5:
      return { type: "WindowCreated", ioas, iova: first, last, pageSize: PAGE };
    case 6:
    case 7:
      return { type: "WindowRemoved", ioas, iova: first, last };
    case 8:
      return { type: "EventsLost", count: 3, what: "ring overrun" };
    case 9:
      return { type: "DeviceAttached", device, pasid: null, ioas: chance.below(4) === 0 ? null : ioas, hwpt: null };
    case 10:
      return { type: "DeviceDetached", device, pasid: null };
    case 11:
      return { type: "BookmarkSet", name: `mark ${chance.below(5)}` };
    case 12:
      return {
        type: "FaultReported",
        format: "dmar",
        device,
        pasid: null,
        iova: chance.below(4) === 0 ? null : first,
        access: "write",
        reason: "",
      };
    default:
      return { type: "CallRefused", call: "IOMMU_IOAS_COPY", detail: "" };
  }
}

function sourceOf(chance: Chance, { first, last }: Range): Source {
  const at = BigInt(chance.below(0x1000)) * PAGE;
  switch (chance.below(5)) {
    case 0:
      return { kind: "unknown" };
    case 1:
      return { kind: "file", fd: chance.below(3), start: at };
    case 2: {
      const half = first + (last - first) / 2n;
      const runs = [
        { iova: first, paddr: at, length: half - first + 1n },
        { iova: (half + 1n) as Iova, paddr: at + (1n << 40n), length: last - half },
      ];
      return { kind: "va", va: at, runs };
    }
    default:
      return { kind: "gpa", gpa: at };
  }
}

function actorOf(chance: Chance): Actor {
  return {
    comm: chance.one(["vmm", "vcpu", "kworker/u64:0"]),
    pid: chance.below(4),
    tid: null,
    cpu: null,
    flags: null,
  };
}

const done = (event: IoasEvent): Step => ({ event, errno: null });
