/** Batches of every event type for tests, from a seed. */
import {
  type Actor,
  byteLength,
  type Envelope,
  ERRNOS,
  EVENT_TYPES,
  EventBatch,
  type EventType,
  errnoOfCode,
  type IoasEvent,
  type Iova,
  PROFILE_NAMES,
  PROTS,
  type Prot,
  type Range,
  type Run,
  recordedAt,
  SOURCE_KINDS,
  type Source,
  U64_MAX,
} from "@ioasis/core";

/** Whole numbers below a bound, the same ones for the same seed. */
export class Dice {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }

  below(bound: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 0x1_0000_0000) * bound);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  orNull<T>(value: T): T | null {
    return this.below(3) === 0 ? null : value;
  }

  flag(): boolean {
    return this.below(2) === 1;
  }

  address(): Iova {
    const edge = [0n, 1n, 0xfffn, 0x1000n, 0xffff_ffffn, 0x1_0000_0000n, 1n << 63n, U64_MAX - 1n, U64_MAX];
    if (this.below(8) === 0) return this.one(edge) as Iova;
    return (BigInt(this.below(0x10_0000)) << 12n) as Iova;
  }

  range(): Range {
    const first = this.address();
    const last = first + BigInt(this.below(16) * 0x1000 + 0xfff);
    return { first, last: (last > U64_MAX ? U64_MAX : last) as Iova };
  }

  text(): string {
    return this.one(["0000:00:05.0", "dev0", "endpoint 24", "", "ä→😀", "x".repeat(300), "null"]);
  }
}

const runsOf = (dice: Dice, { first, last }: Range): Run[] => {
  const half = first + (last - first) / 2n;
  const paddr = BigInt(dice.below(0x1000_0000)) << 12n;
  return [
    { iova: first, paddr, length: half - first + 1n },
    { iova: (half + 1n) as Iova, paddr: paddr + 0x10_0000_0000n, length: last - half },
  ].filter(({ length }) => length > 0n);
};

function sourceFor(dice: Dice, range: Range): Source {
  const tail = dice.below(4) === 0 ? { runs: runsOf(dice, range) } : {};
  const kind = dice.one(SOURCE_KINDS);
  const at: bigint = BigInt(dice.below(0x100_0000)) << 12n;
  switch (kind) {
    case "va":
      return { kind, va: at, ...tail };
    case "file":
    case "dmabuf":
      return { kind, fd: dice.below(100), start: at, ...tail };
    case "gpa":
      return { kind, gpa: at, ...tail };
    case "paddr":
      return { kind, paddr: at, ...tail };
    case "copy":
      return { kind, va: at, writable: dice.flag(), ...tail };
    case "unknown":
      return { kind, ...tail };
  }
}

const HANDLES = 4;
const prot = (dice: Dice): Prot => dice.one(PROTS);
const handle = (dice: Dice): number => dice.below(HANDLES);
const id = (dice: Dice): number | null => dice.orNull(dice.below(1000));
const length = (dice: Dice) => byteLength(dice.one([0n, 1n, 4096n, U64_MAX, U64_MAX + 1n]));

function mapped(dice: Dice): IoasEvent {
  const range = dice.range();
  const source = sourceFor(dice, range);
  return { type: "IovaMapped", ioas: handle(dice), iova: range.first, last: range.last, prot: prot(dice), source };
}

function unmapped(dice: Dice): IoasEvent {
  if (dice.below(50) === 0)
    return {
      type: "IovaUnmapped",
      ioas: handle(dice),
      iova: 0n as Iova,
      last: U64_MAX as Iova,
      bytes: byteLength(1n << 64n),
    };
  const { first, last } = dice.range();
  const bytes = byteLength(dice.flag() ? last - first + 1n : 0n);
  return { type: "IovaUnmapped", ioas: handle(dice), iova: first, last, bytes };
}

/** One maker an event type: a new type does not compile without its own. */
const MAKERS: { readonly [T in EventType]: (dice: Dice) => Extract<IoasEvent, { type: T }> | IoasEvent } = {
  IovaMapped: mapped,
  IovaUnmapped: unmapped,
  MapRefused: (dice) => ({
    type: "MapRefused",
    ioas: dice.orNull(handle(dice)),
    iova: dice.orNull(dice.address()),
    length: byteLength(BigInt(dice.below(100_000))),
    prot: prot(dice),
    source: sourceFor(dice, dice.range()),
  }),
  UnmapRefused: (dice) => ({
    type: "UnmapRefused",
    ioas: dice.orNull(handle(dice)),
    iova: dice.address(),
    length: byteLength(dice.one([0n, 4096n, U64_MAX])),
  }),
  IoasAllocated: (dice) => ({ type: "IoasAllocated", ioas: handle(dice), kernelId: id(dice) }),
  IoasFound: (dice) => ({ type: "IoasFound", ioas: handle(dice), kernelId: dice.below(1000) }),
  IoasDestroyed: () => ({ type: "IoasDestroyed", ioas: HANDLES }),
  IovasAllowed: (dice) => ({ type: "IovasAllowed", ioas: handle(dice), ranges: [dice.range(), dice.range()] }),
  IovaReserved: (dice) => {
    const { first, last } = dice.range();
    return { type: "IovaReserved", ioas: handle(dice), owner: dice.text(), iova: first, last };
  },
  IovaUnreserved: (dice) => ({ type: "IovaUnreserved", ioas: handle(dice), owner: dice.text() }),
  LargePagesEnabled: (dice) => ({ type: "LargePagesEnabled", ioas: handle(dice) }),
  LargePagesDisabled: (dice) => ({ type: "LargePagesDisabled", ioas: handle(dice) }),
  HwptAllocated: (dice) => ({
    type: "HwptAllocated",
    hwpt: handle(dice),
    ioas: handle(dice),
    kernelId: id(dice),
    auto: dice.flag(),
    pageSize: dice.orNull(4096n),
    aperture: dice.orNull(dice.range()),
    dirtyTracking: dice.flag(),
    nestParent: dice.flag(),
    ...(dice.flag() ? { parent: handle(dice) } : {}),
    ...(dice.flag() ? { fault: dice.below(9), viommu: dice.below(9), takesPasids: true, device: dice.text() } : {}),
  }),
  HwptDestroyed: (dice) => ({ type: "HwptDestroyed", hwpt: handle(dice) }),
  DirtyTrackingStarted: (dice) => ({ type: "DirtyTrackingStarted", hwpt: dice.orNull(handle(dice)) }),
  DirtyTrackingStopped: (dice) => ({ type: "DirtyTrackingStopped", hwpt: dice.orNull(handle(dice)) }),
  DeviceBound: (dice) => ({
    type: "DeviceBound",
    device: dice.text(),
    kernelId: id(dice),
    group: dice.orNull(dice.text()),
    ...(dice.flag() ? { objectId: dice.below(9) } : {}),
  }),
  DeviceUnbound: (dice) => ({ type: "DeviceUnbound", device: dice.text() }),
  DeviceAttached: (dice) => ({
    type: "DeviceAttached",
    device: dice.text(),
    pasid: id(dice),
    ioas: dice.orNull(handle(dice)),
    hwpt: dice.orNull(handle(dice)),
    ...(dice.flag() ? { ioasKernelId: dice.below(9) } : {}),
  }),
  DeviceDetached: (dice) => ({ type: "DeviceDetached", device: dice.text(), pasid: id(dice) }),
  AccessAttached: (dice) => ({
    type: "AccessAttached",
    access: dice.text(),
    kernelId: id(dice),
    ioas: dice.orNull(handle(dice)),
    pins: dice.flag(),
  }),
  AccessClosed: (dice) => ({ type: "AccessClosed", access: dice.text() }),
  WindowCreated: (dice) => {
    const { first, last } = dice.range();
    return { type: "WindowCreated", ioas: handle(dice), iova: first, last, pageSize: 65536n };
  },
  WindowRemoved: (dice) => {
    const { first, last } = dice.range();
    return { type: "WindowRemoved", ioas: handle(dice), iova: first, last };
  },
  MemoryRegistered: (dice) => ({ type: "MemoryRegistered", va: dice.address(), length: length(dice) }),
  MemoryUnregistered: (dice) => ({ type: "MemoryUnregistered", va: dice.address(), length: length(dice) }),
  CallRefused: (dice) => ({ type: "CallRefused", call: "IOMMU_HWPT_ALLOC", detail: dice.text() }),
  FaultReported: (dice) => ({
    type: "FaultReported",
    format: "dmar",
    device: dice.orNull(dice.text()),
    pasid: id(dice),
    iova: dice.orNull(dice.address()),
    access: dice.one(["read", "write", "unknown"]),
    reason: dice.text(),
  }),
  EventsLost: (dice) => ({ type: "EventsLost", count: id(dice), what: dice.text() }),
  ClockAnchored: (dice) => ({ type: "ClockAnchored", clock: dice.text(), seconds: "1.5", realtime: "1700000000.25" }),
  BookmarkSet: (dice) => ({ type: "BookmarkSet", name: dice.text() }),
  RlimitModeSet: (dice) => ({ type: "RlimitModeSet", mode: dice.one(["user", "mm"]) }),
  ContextCreated: (dice) => ({
    type: "ContextCreated",
    profile: dice.one(PROFILE_NAMES),
    kernel: dice.orNull("6.12"),
    policy: dice.orNull("fixed"),
    setup: "{}",
  }),
  DriverChanged: (dice) => ({
    type: "DriverChanged",
    change: { type: "GroupJoined", group: dice.below(9), ranges: [dice.address()], name: dice.text() },
  }),
  VfioIoasSet: (dice) => ({ type: "VfioIoasSet", ioas: dice.orNull(handle(dice)) }),
  FaultQueueAllocated: (dice) => ({ type: "FaultQueueAllocated", kernelId: dice.below(9) }),
  ViommuAllocated: (dice) => ({
    type: "ViommuAllocated",
    kernelId: dice.below(9),
    hwpt: dice.orNull(handle(dice)),
    viommuType: dice.below(9),
    iommu: dice.orNull(dice.text()),
  }),
  VdeviceAllocated: (dice) => ({
    type: "VdeviceAllocated",
    kernelId: dice.below(9),
    viommu: dice.below(9),
    device: dice.text(),
    virtualId: dice.address(),
  }),
  VeventQueueAllocated: (dice) => ({
    type: "VeventQueueAllocated",
    kernelId: dice.below(9),
    viommu: dice.below(9),
    queueType: dice.below(9),
    depth: dice.below(9),
  }),
  HwQueueAllocated: (dice) => {
    const { first, last } = dice.range();
    return {
      type: "HwQueueAllocated",
      kernelId: dice.below(9),
      viommu: dice.below(9),
      queueType: dice.below(9),
      index: dice.below(9),
      iova: first,
      last,
      access: dice.text(),
    };
  },
  QueueFileClosed: (dice) => ({ type: "QueueFileClosed", kernelId: dice.below(9) }),
  IommufdObjectDestroyed: (dice) => ({
    type: "IommufdObjectDestroyed",
    kernelId: dice.below(9),
    ...(dice.flag() ? { isLeaked: true } : {}),
  }),
};

function actorFor(dice: Dice): Actor {
  return {
    comm: dice.orNull(dice.text()),
    pid: id(dice),
    tid: id(dice),
    cpu: dice.orNull(dice.below(8)),
    flags: dice.orNull("d.h1."),
  };
}

function envelopeFor(dice: Dice, line: number): Envelope {
  const decimals = dice.one([0, 6, 9]);
  const ticks = dice.below(20) === 0 ? -5n : BigInt(line) * 1_000_003n;
  return {
    stamp: dice.below(6) === 0 ? null : { clock: dice.one(["trace", "realtime", "dmesg"]), ticks, decimals },
    actor: dice.below(3) === 0 ? null : actorFor(dice),
    errno: errnoOfCode(dice.below(ERRNOS.length)),
    line: dice.below(10) === 0 ? dice.below(0xffff_ffff) : line,
  };
}

/** `rows` events with versions from `firstVersion`: each type once in order, then mostly hot ones at random. */
export function randomBatch(dice: Dice, firstVersion: number, rows: number, capacity = rows): EventBatch {
  const batch = new EventBatch(1 + dice.below(3), firstVersion, capacity);
  for (let row = 0; row < rows; row++) {
    const type =
      row < EVENT_TYPES.length ? EVENT_TYPES[row] : dice.one(dice.below(4) > 0 ? EVENT_TYPES.slice(0, 4) : EVENT_TYPES);
    batch.push(MAKERS[type as EventType](dice), envelopeFor(dice, row + 1));
  }
  return batch;
}

/** Rows `[from, to)` of `batch` as a batch of their own, with dictionaries of their own. */
export function sliceOf(batch: EventBatch, from: number, to: number): EventBatch {
  const part = new EventBatch(batch.epoch, batch.firstVersion + from, to - from + 3);
  for (let row = from; row < to; row++) {
    const { event, stamp, actor, errno, line } = recordedAt(batch, row);
    part.push(event, { stamp, actor: actor === null ? null : { ...actor }, errno, line });
  }
  return part;
}
