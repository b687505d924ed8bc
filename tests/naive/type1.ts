/** VFIO's type1 container in the engine and in the naive model, side by side. */
import {
  applyType1,
  decideType1,
  type Iova,
  type Type1Command,
  type Type1Environment,
  type Type1GroupTraits,
  Type1State,
  UserMemory,
} from "@ioasis/core";
import type { Campaign, Pair } from "./campaign.ts";
import type { Random } from "./random.ts";
import { NaiveType1, PAGE, type Step, wordsText } from "./type1-model.ts";

const TOP = 2n ** 64n - 1n;
const VA_PAGE = 0x1_0000n;
const MEMORY_PAGES = 40;
const DEVICE_PAGE = 0x2_0000n;
const DEVICE_PAGES = 8;

const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });
const page = (number: bigint) => number * PAGE;
const traits = (
  number: number,
  aperture: Type1GroupTraits["aperture"],
  reserved: Type1GroupTraits["reserved"],
  refusesWiderDomains: boolean,
): [number, Type1GroupTraits] => [
  number,
  { number, aperture, reserved, refusesWiderDomains, devices: [`device${number}`] },
];
const GROUPS = new Map([
  traits(0, range(0n, TOP), [range(page(40n), page(43n) - 1n)], false),
  traits(1, range(page(2n), page(100n) - 1n), [range(page(20n) + 0x800n, page(21n) - 1n)], true),
  traits(2, range(0n, page(60n) - 1n), [range(page(50n), page(60n) - 1n)], true),
  traits(3, range(0n, TOP), [], false),
  traits(4, range(page(200n), page(300n) - 1n), [], true),
]);

const LIMIT_PAGES = 60;

export const type1: Campaign<Step> = {
  name: "type1",
  begin(variant): Pair<Step> {
    const entriesMax = variant % 4 === 0 ? 6 : 1000;
    const naive = new NaiveType1(GROUPS, LIMIT_PAGES, entriesMax);
    for (let i = 0n; i < MEMORY_PAGES; i++) naive.memory.set(VA_PAGE + i, "write");
    for (let i = 0n; i < DEVICE_PAGES; i++) naive.memory.set(DEVICE_PAGE + i, "device");
    const state = new Type1State();
    let environment = environmentOf(entriesMax);
    const engine = (step: Step): readonly unknown[] => {
      const { memory } = environment;
      switch (step.command) {
        case "Munmap":
          environment = { ...environment, memory: memory.without(page(step.page), PAGE) };
          return [null];
        case "Mprotect":
          environment = { ...environment, memory: memory.protected(page(step.page), PAGE, step.isWritable ? 3 : 1) };
          return [null];
        case "DropLock":
          environment = { ...environment, canLockMemory: false };
          return [null];
        default: {
          const { errno, events, out } = decideType1(state, step as never, environment);
          for (const event of events) applyType1(state, event);
          return out === null ? [errno] : [errno, ...told(step, out)];
        }
      }
    };
    return {
      propose: (random) => propose(random, naive),
      play: (step) => {
        const [expected, got] = [naive.run(step), engine(step)];
        const isSame = expected.length === got.length && expected.every((value, i) => value === got[i]);
        if (isSame) return null;
        return `${step.command}: the naive model says ${expected.join(" ")}, the engine ${got.join(" ")}`;
      },
      compareAll: () => compare(naive, state),
    };
  },
};

function environmentOf(entriesMax: number): Type1Environment {
  return {
    iommu: { name: "test", aperture: range(0n, TOP), pageSizes: 0x4020_1000n, enforcesCoherency: false },
    groups: GROUPS,
    memory: UserMemory.of(page(VA_PAGE), page(BigInt(MEMORY_PAGES))),
    deviceMemory: UserMemory.of(page(DEVICE_PAGE), page(BigInt(DEVICE_PAGES))),
    memlockBytes: page(BigInt(LIMIT_PAGES)),
    canLockMemory: true,
    entriesMax,
  };
}

function told(step: Type1Command, out: unknown): unknown[] {
  switch (step.command) {
    case "OpenContainer":
    case "OpenGroup":
    case "OpenDevice":
    case "QueryApiVersion":
    case "CheckExtension":
    case "QueryGroupStatus":
      return [out];
    case "QueryInfo": {
      const { argBytes, capabilities } = out as {
        argBytes: number;
        capabilities: {
          avail: { entriesLeft: number };
          ranges: { iovas: readonly { first: bigint; last: bigint }[] };
        } | null;
      };
      const iovas = capabilities?.ranges.iovas.map(({ first, last }) => `${first},${last}`) ?? [];
      return [argBytes, capabilities?.avail.entriesLeft ?? null, iovas.join()];
    }
    case "UnmapDma": {
      const { size, bitmap } = out as { size: bigint; bitmap: ReadonlyMap<bigint, bigint> | null };
      return [size, bitmap === null ? "" : wordsText(bitmap)];
    }
    case "UseDirtyPages": {
      const { bitmap } = out as { bitmap: ReadonlyMap<bigint, bigint> | null };
      return [bitmap === null ? "" : wordsText(bitmap)];
    }
    default:
      return [];
  }
}

function compare(naive: NaiveType1, state: Type1State): string | null {
  if (BigInt(naive.lockedPages) !== state.lockedPages)
    return `locked pages: the naive model has ${naive.lockedPages}, the engine ${state.lockedPages}`;
  for (const [handle, { driver }] of naive.containers.entries()) {
    const other = state.containers[handle]?.driver ?? null;
    const expected = driver === null ? "none" : mappingsText(naive, driver);
    const got =
      other === null
        ? "none"
        : `${[...other.mappings.all()].map(({ iova, last, prot, source }) => {
            const va = source.kind === "va" ? source.va : 0n;
            return `${iova}-${last} ${prot} ${va} ${other.invalidVaddrs.has(iova)}`;
          })}|${other.layout.iovas.map(({ first, last }) => `${first},${last}`)}|${other.spareBits !== null}`;
    if (expected !== got) return `container ${handle}: the naive model has ${expected}, the engine ${got}`;
  }
  return null;
}

function mappingsText(naive: NaiveType1, driver: NonNullable<NaiveType1["containers"][number]["driver"]>): string {
  const mappings = naive.mappingsOf(driver).map(({ first, pages, flags, va, isInvalid }) => {
    const prot = `${(flags & 1) !== 0 ? "r" : ""}${(flags & 2) !== 0 ? "w" : ""}`;
    return `${page(first)}-${page(first + pages) - 1n} ${prot} ${va} ${isInvalid}`;
  });
  return `${mappings}|${driver.iovas}|${driver.isTracking}`;
}

const SIZES = [1n, 1n, 2n, 3n, 4n, 8n, 30n, 70n] as const;

function address(random: Random): bigint {
  if (random.oneIn(25)) return random.pick([TOP, TOP - 0xfffn, page(2n ** 52n - 3n), 0x800n, page(2n ** 51n)]);
  if (random.oneIn(15)) return page(2n ** 52n - 1n - BigInt(random.below(40)));
  return page(BigInt(random.below(110)));
}

function size(random: Random): bigint {
  return random.oneIn(30) ? random.pick([0n, 0x800n, TOP, 2n ** 63n]) : page(random.pick(SIZES));
}

/** A range around what is mapped. */
function place(random: Random, naive: NaiveType1, container: number): { iova: bigint; size: bigint } {
  const driver = naive.containers[container]?.driver;
  const mappings = driver === null || driver === undefined ? [] : naive.mappingsOf(driver);
  if (mappings.length === 0 || random.oneIn(6)) return { iova: address(random), size: size(random) };
  const from = random.below(mappings.length);
  const to = Math.min(mappings.length - 1, from + random.pick([0, 0, 0, 1, 3]));
  let first = mappings[from]?.first ?? 0n;
  let end = (mappings[to]?.first ?? 0n) + (mappings[to]?.pages ?? 1n);
  if (random.oneIn(5) && first > 0n) first--;
  if (random.oneIn(6)) first++;
  if (random.oneIn(5) && end < 2n ** 52n) end++;
  if (random.oneIn(6) && end - 1n > first) end--;
  return { iova: page(first), size: end > first ? page(end - first) : PAGE };
}

function propose(random: Random, naive: NaiveType1): Step {
  const living = naive.containers.flatMap(({ isOpen }, handle) => (isOpen ? [handle] : []));
  const working = living.filter((handle) => naive.containers[handle]?.driver !== null);
  const groups = naive.groups.flatMap(({ isOpen }, handle) => (isOpen ? [handle] : []));
  const devices = naive.devices.flatMap(({ isOpen }, handle) => (isOpen ? [handle] : []));
  const any = living.length === 0 || random.oneIn(60) ? random.below(4) : random.pick(living);
  const container = working.length > 0 && !random.oneIn(12) ? random.pick(working) : any;
  const group = groups.length === 0 || random.oneIn(40) ? random.below(6) : random.pick(groups);
  if (random.oneIn(100)) return { command: "Munmap", page: VA_PAGE + BigInt(random.below(MEMORY_PAGES)) };
  if (random.oneIn(50))
    return { command: "Mprotect", page: VA_PAGE + BigInt(random.below(MEMORY_PAGES)), isWritable: !random.oneIn(3) };
  if (random.oneIn(150)) return { command: "DropLock" };
  if (living.length === 0) return { command: "OpenContainer" };
  if (groups.length === 0) return { command: "OpenGroup", group: random.below(GROUPS.size) };
  if (working.length === 0 && random.oneIn(2))
    return random.oneIn(2)
      ? { command: "SetIommu", container: any, iommuType: random.pick([1, 3, 3]) }
      : { command: "SetContainer", group, file: { kind: "container", handle: any } };
  switch (random.below(40)) {
    case 0:
      return living.length > 2 ? { command: "QueryApiVersion", container } : { command: "OpenContainer" };
    case 1:
    case 2:
      return { command: "OpenGroup", group: random.below(GROUPS.size) };
    case 3: {
      if (!random.oneIn(3)) return { command: "QueryGroupStatus", group };
      const kind = random.pick(["container", "group", "device", "device", "none", "foreign"] as const);
      if (kind === "none" || kind === "foreign") return { command: "CloseFile", file: { kind } };
      const handle = kind === "container" ? any : kind === "group" ? group : (devices[0] ?? 0);
      return { command: "CloseFile", file: { kind, handle } };
    }
    case 4:
      return { command: "CheckExtension", container: any, extension: random.below(12) };
    case 5:
      return { command: "SetIommu", container: any, iommuType: random.pick([1, 3, 3, 6, 9, 2]) };
    case 6:
    case 7: {
      const kind = random.oneIn(15) ? random.pick(["none", "foreign"] as const) : null;
      const file = kind === null ? ({ kind: "container", handle: container } as const) : { kind };
      return { command: "SetContainer", group, file };
    }
    case 8:
      return { command: "UnsetContainer", group };
    case 9:
      return {
        command: "OpenDevice",
        group,
        name: random.oneIn(5) ? "nobody" : `device${naive.groups[group]?.traits.number}`,
      };
    case 10:
    case 11:
      return {
        command: "QueryInfo",
        container,
        argBytes: random.pick([8, 16, 24, 100, 120, 4096, 4096]),
        hasBadPointer: random.oneIn(20),
      };
    case 12:
      return { command: "UnknownCall", file: { kind: random.pick(["container", "group"]), handle: container } };
    case 13:
    case 14:
    case 15:
    case 16: {
      const flags = random.oneIn(12) ? random.pick([0, 3, 8]) : random.pick([1, 2, 4, 4, 4]);
      return { command: "UseDirtyPages", container, flags, ...place(random, naive, container), ...bits(random) };
    }
    case 17:
    case 18:
    case 19:
    case 20:
    case 21:
    case 22:
    case 23:
    case 24:
    case 25: {
      const flags = random.oneIn(20) ? random.below(9) : random.pick([0, 0, 0, 1, 1, 4, 4]);
      const where = random.oneIn(50) ? { iova: 0n, size: 0n } : place(random, naive, container);
      const wanted = where.size === 0n ? 2 : flags;
      return { command: "UnmapDma", container, flags: wanted, ...where, ...bits(random) };
    }
    default: {
      const isUpdate = random.oneIn(8);
      const where =
        isUpdate || random.oneIn(6) ? place(random, naive, container) : { iova: address(random), size: size(random) };
      // A mapping that ends at the last byte of all is a matter of its own: the kernel loses it.
      if (where.iova + where.size - 1n === TOP) where.size = PAGE;
      const start = random.oneIn(8) ? DEVICE_PAGE : VA_PAGE;
      const userVa = page(start + BigInt(random.below(MEMORY_PAGES + 2))) + (random.oneIn(60) ? 0x800n : 0n);
      const flags = isUpdate ? 4 : random.oneIn(30) ? random.below(9) : random.pick([1, 2, 3, 3]);
      const isLost = where.iova + where.size - 1n === TOP;
      return {
        command: "MapDma",
        container,
        flags,
        userVa,
        ...(isLost ? { iova: 0n, size: PAGE } : where),
        hasBadPointer: random.oneIn(80),
        ...(random.oneIn(80) ? { argBytes: 24 } : {}),
      };
    }
  }
}

function bits(
  random: Random,
): Pick<Extract<Type1Command, { command: "UnmapDma" }>, "bitmap" | "hasBadPointer" | "argBytes"> {
  const bitmap = {
    pageSize: random.oneIn(15) ? 0x2000n : PAGE,
    bytes: random.oneIn(20) ? random.pick([0n, 2n ** 40n]) : random.pick([8n, 16n, 64n, 64n]),
    address: random.oneIn(30) ? 0x7fff_ffff_fff0n : null,
    fill: random.pick([0, 0, 0xff, 0x41]),
  };
  return {
    bitmap,
    hasBadPointer: random.oneIn(60),
    ...(random.oneIn(30) ? { argBytes: random.pick([4, 8, 24, 48]) } : {}),
  };
}
