/** One command of iommufd decided at 100,000 live mappings, beside the mere overlap check of a sorted tree. */
import {
  applyBatch,
  type Command,
  ContextState,
  decide,
  type Environment,
  EventBatch,
  type IoasEvent,
  type Iova,
  kernelProfile,
  UserMemory,
  WHOLE_SPACE,
} from "@ioasis/core";
import { type Bench, beside, type Missing, type Peer } from "./measure.ts";
import { isMissing } from "./peers/installed.ts";
import { sortedTrees } from "./peers/sorted-btree.ts";
import type { Target } from "./target.ts";

const LIVE = 100_000;
const COMMANDS = 50_000;
const BATCH_ROWS = 4_096;
const PAGE = 0x1000n;
const VA = 0x1000_0000_0000n;
const IOAS = 1;
const READ_WRITE_FIXED = 7;
const READ_WRITE = 6;
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };
const PROFILE = kernelProfile("7.3");
/** Of one command, nothing folded. */
const TARGET: Target = [{ of: "value", atMost: 3 }];

const UNLIMITED: Environment = {
  pageSize: PAGE,
  hugePageSize: 0x20_0000n,
  memory: UserMemory.of(VA, 1n << 40n),
  memlockBytes: null,
  canLockMemory: false,
  lockedUpTo: 0,
  canSetLimits: false,
  devices: new Map(),
  pins: new Map(),
  pinsMade: new Map(),
  copies: new Map(),
  files: new Map(),
  dirty: new Map(),
  deviceFiles: new Map(),
};
const LIMITED: Environment = { ...UNLIMITED, memlockBytes: BigInt(LIVE + 16) * PAGE };

/** The iova of the mapping `i`: every second page, so that no hole takes two. */
const iovaOf = (i: number): Iova => (BigInt(2 * i + 16) * PAGE) as Iova;
const holeOf = (i: number): Iova => (iovaOf(i) + PAGE) as Iova;
const map = (iova: bigint, flags: number, length = PAGE): Command => ({
  command: "MapIova",
  ioasId: IOAS,
  flags,
  userVa: VA + iova,
  length,
  iova,
});

export async function decideBenches(): Promise<Bench[]> {
  const state = filled();
  const peer = await overlapPeer();
  const bench = (command: string, run: () => void, target?: Target): Bench[] =>
    beside(
      {
        name: `decide at 100 k live: ${command}`,
        unit: "µs",
        ...(target === undefined ? {} : { target }),
        subject: { run: () => microseconds(run) },
      },
      [peer],
    );
  const mostly = (name: string, environment: Environment, commandOf: (i: number) => Command): Bench[] =>
    bench(name, () => decideAll(state, commandOf, environment), TARGET);
  return [
    mostly("map, fixed", UNLIMITED, (i) => map(holeOf(i), READ_WRITE_FIXED)),
    mostly("map, the kernel chooses, no hole below is large enough", UNLIMITED, () => map(0n, READ_WRITE, 2n * PAGE)),
    mostly("copy", UNLIMITED, (i) => ({
      command: "CopyIova",
      flags: READ_WRITE_FIXED,
      dstIoasId: IOAS,
      srcIoasId: IOAS,
      length: PAGE,
      dstIova: holeOf(i),
      srcIova: iovaOf(i),
    })),
    mostly("unmap", UNLIMITED, (i) => ({ command: "UnmapIova", ioasId: IOAS, iova: iovaOf(i), length: PAGE })),
    mostly("map, fixed, RLIMIT_MEMLOCK", LIMITED, (i) => map(holeOf(i), READ_WRITE_FIXED)),
    bench("map or unmap under RLIMIT_MEMLOCK, and its fold", () => decideAndFold(state)),
  ].flat();
}

/** Whether a hole among as many ranges overlaps one of them. */
async function overlapPeer(): Promise<Peer | Missing> {
  const trees = await sortedTrees();
  if (isMissing(trees)) return trees;
  const tree = trees();
  for (let i = 0; i < LIVE; i++) tree.set(iovaOf(i), iovaOf(i) + PAGE - 1n);
  return {
    name: "overlap check in a sorted-btree",
    run: () =>
      microseconds(() => {
        for (let i = 0; i < COMMANDS; i++) {
          const iova = holeOf(scattered(i));
          if ((tree.getPairOrNextLower(iova + PAGE - 1n)?.[1] ?? -1n) >= iova) throw new Error("a hole is mapped");
        }
      }),
  };
}

/** Time of one of `COMMANDS`. */
function microseconds(run: () => void): number {
  const from = performance.now();
  run();
  return ((performance.now() - from) * 1000) / COMMANDS;
}

function decideAll(state: ContextState, commandOf: (i: number) => Command, environment: Environment): void {
  for (let i = 0; i < COMMANDS; i++) {
    const { errno } = decide(state, commandOf(scattered(i)), PROFILE, environment);
    if (errno !== null) throw new Error(`a command is refused with ${errno}`);
  }
}

/** Leaves the state as it was. */
function decideAndFold(state: ContextState): void {
  for (let i = 0; i < COMMANDS; i += 2) {
    const iova = holeOf(scattered(i));
    fold(state, decide(state, map(iova, READ_WRITE_FIXED), PROFILE, LIMITED).events);
    const unmap: Command = { command: "UnmapIova", ioasId: IOAS, iova, length: PAGE };
    fold(state, decide(state, unmap, PROFILE, LIMITED).events);
  }
}

function scattered(i: number): number {
  return (i * 7_919) % LIVE;
}

let batch = new EventBatch(1, 1, BATCH_ROWS);

function fold(state: ContextState, events: readonly IoasEvent[]): void {
  for (const event of events) {
    if (batch.isFull || batch.lastVersion !== state.version) batch = new EventBatch(1, state.version + 1, BATCH_ROWS);
    const row = batch.length;
    batch.push(event, NO_ENVELOPE);
    applyBatch(state, batch, row, row + 1);
  }
}

function filled(): ContextState {
  const state = new ContextState();
  const mapped = Array.from({ length: LIVE }, (_, i): IoasEvent => {
    const iova = iovaOf(i);
    const last = (iova + PAGE - 1n) as Iova;
    return { type: "IovaMapped", ioas: 0, iova, last, prot: "rw", source: { kind: "va", va: VA + iova } };
  });
  const hwpt = { hwpt: 0, ioas: 0, kernelId: 2, auto: false, dirtyTracking: false, nestParent: false } as const;
  fold(state, [
    { type: "IoasAllocated", ioas: 0, kernelId: IOAS },
    { type: "HwptAllocated", ...hwpt, pageSize: PAGE, aperture: WHOLE_SPACE },
    ...mapped,
  ]);
  return state;
}
