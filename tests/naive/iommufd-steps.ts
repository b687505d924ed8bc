/** Random calls of iommufd, most of them nearly valid for the state that they meet. */
import type { Command, DeviceTraits, Iova } from "@ioasis/core";
import type { Ioas, NaiveIommufd, Step } from "./iommufd-model.ts";
import type { Random } from "./random.ts";

const TOP = 2n ** 64n - 1n;
export const FIRST_PAGE = 0x1000n;
export const PAGES = 24;
const VA = FIRST_PAGE * 16n;
/** Every new ioas reserves these, so that nothing of half the space is ever mapped byte by byte. */
export const MIDDLES = [2n ** 62n, 2n ** 63n + 2n ** 62n] as const;

const range = (first: bigint, last: bigint) => ({ first: first as Iova, last: last as Iova });
const MOCK: DeviceTraits = {
  pageSize: 8n,
  aperture: range(32n, 991n),
  reserved: [],
  canTrackDirty: true,
  hwptFlags: 3,
  pagingDataType: null,
  nestedDataType: 0xdead,
  hwInfo: null,
  mapsLargePages: false,
};
const TRAITS: readonly DeviceTraits[] = [
  MOCK,
  MOCK,
  { ...MOCK, canTrackDirty: false },
  {
    ...MOCK,
    pageSize: 16n,
    aperture: range(0n, 2n ** 48n - 1n),
    reserved: [range(200n, 231n)],
    refusesWiderTables: true,
  },
  { ...MOCK, refusesWiderTables: true },
  { ...MOCK, pageSize: 16n, aperture: range(0n, TOP), reserved: [range(0n, 15n), range(640n, 767n)] },
  { ...MOCK, pageSize: 32n },
  { ...MOCK, aperture: range(0n, 2n ** 40n), unattachedAperture: range(0n, 0n) },
];

const EDGES = [0n, 1n, 15n, 16n, TOP, TOP - 1n, TOP - 15n, TOP - 16n, 2n ** 63n, 2n ** 63n - 1n] as const;
const LENGTHS = [1n, 2n, 4n, 8n, 8n, 16n, 16n, 16n, 32n, 32n, 48n, 64n, 128n] as const;
const GIANTS = [TOP, TOP - 1n, TOP - 16n, TOP - 15n, 2n ** 63n - 1n, 2n ** 63n] as const;

const NO_DATA = { dataType: 0, dataLength: 0 };
const TABLE_DATA = [...Array(12).fill(NO_DATA), { dataType: 1, dataLength: 4 }, { dataType: 1, dataLength: 0 }];

let devices = 0;
let accesses = 0;

function address(random: Random): bigint {
  if (random.oneIn(25)) return random.pick(EDGES);
  if (random.oneIn(12)) return TOP - BigInt(random.below(160));
  const grain = random.pick([1, 8, 16, 16, 16, 32]);
  return BigInt(random.below(1024 / grain) * grain);
}

function userVa(random: Random): bigint {
  if (random.oneIn(60)) return random.pick(EDGES);
  const grain = random.pick([1, 8, 16, 16, 16, 64]);
  return VA + BigInt(random.below(Math.floor((PAGES * 16 + 32) / grain)) * grain);
}

/** `random` among the ids of a kind; sometimes any number. */
function idOf(random: Random, model: NaiveIommufd, kind: "ioas" | "hwpt" | "selftest" | "bound" | "access"): number {
  const ids = [...model.ids].filter(([, entry]) => entry.kind === kind).map(([id]) => id);
  return ids.length === 0 || random.oneIn(40) ? random.below(14) : random.pick(ids);
}

/** An ioas and a range that has to do with what is mapped there. */
function place(random: Random, model: NaiveIommufd): { ioasId: number; iova: bigint; length: bigint } {
  const ioasId = idOf(random, model, "ioas");
  const entry = model.ids.get(ioasId);
  const areas = entry?.kind === "ioas" ? model.areasOf(entry) : [];
  if (areas.length === 0 || random.oneIn(5))
    return { ioasId, iova: address(random), length: random.pick(random.oneIn(20) ? GIANTS : LENGTHS) };
  const from = random.below(areas.length);
  const to = Math.min(areas.length - 1, from + random.pick([0, 0, 0, 1, 2, 5]));
  let first = areas[from]?.first ?? 0n;
  let last = areas[to]?.last ?? 0n;
  const shift = random.pick([1n, 8n, 16n]);
  if (random.oneIn(5)) first = first > shift ? first - shift : 0n;
  if (random.oneIn(5)) last = last < TOP - shift ? last + shift : TOP;
  if (random.oneIn(5) && first + shift <= last) first += shift;
  if (random.oneIn(5) && last - shift >= first) last -= shift;
  return { ioasId, iova: first, length: first === 0n && last === TOP ? TOP : last - first + 1n };
}

function accessName(random: Random, model: NaiveIommufd): string {
  const all = model.all("access");
  return all.length === 0 || random.oneIn(40) ? "nobody" : random.pick(all).name;
}

function ioasFlags(random: Random): number {
  return random.oneIn(30) ? random.below(16) : random.pick([6, 6, 7, 7, 7, 7, 2, 3, 4, 5, 5]);
}

const MAKERS: readonly (readonly [weight: number, make: (random: Random, model: NaiveIommufd) => Step])[] = [
  [
    26,
    (random, model) => ({
      command: "MapIova",
      ioasId: idOf(random, model, "ioas"),
      flags: ioasFlags(random),
      userVa: userVa(random),
      length: random.oneIn(30) ? random.pick(GIANTS) : random.pick(LENGTHS),
      iova: address(random),
      ...(random.oneIn(80) ? { reserved: 1 } : {}),
    }),
  ],
  [14, (random, model) => (random.oneIn(60) ? all(random, model) : { command: "UnmapIova", ...place(random, model) })],
  [
    12,
    (random, model) => {
      const { ioasId, iova, length } = place(random, model);
      const dstIoasId = idOf(random, model, "ioas");
      const dstIova = address(random);
      return {
        command: "CopyIova",
        flags: ioasFlags(random),
        dstIoasId,
        srcIoasId: ioasId,
        length,
        dstIova,
        srcIova: iova,
      };
    },
  ],
  [
    3,
    (random, model) =>
      model.all("ioas").length > 3 ? destroy(random, model) : { command: "AllocIoas", flags: random.oneIn(20) ? 1 : 0 },
  ],
  [3, destroy],
  [5, (random, model) => ({ command: "AllowIovas", ioasId: idOf(random, model, "ioas"), ...allowed(random, model) })],
  [
    6,
    (random, model) => ({
      command: "QueryIovaRanges",
      ioasId: idOf(random, model, "ioas"),
      slots: random.below(5),
      ...(random.oneIn(30) ? { reserved: 1 } : {}),
      ...(random.oneIn(20) ? { hasBadPointer: true } : {}),
    }),
  ],
  [
    2,
    (random, model) => ({
      command: "ReserveIova",
      ioasId: idOf(random, model, "ioas"),
      iova: address(random),
      length: random.pick([0n, 1n, 8n, 16n, 16n, 32n]),
    }),
  ],
  [
    5,
    (random, model) => ({
      command: "UseOption",
      option: random.oneIn(20) ? random.below(3) : random.oneIn(8) ? 0 : 1,
      operation: random.oneIn(20) ? 2 : random.below(2),
      objectId: random.oneIn(8) ? 0 : idOf(random, model, "ioas"),
      value: BigInt(random.oneIn(15) ? 2 : random.below(2)),
      ...(random.oneIn(60) ? { reserved: 1 } : {}),
    }),
  ],
  [
    5,
    (random, model) => ({
      command: "CreateMockDevice",
      device: `device${devices++}`,
      deviceFlags: random.oneIn(30) ? 4 : 0,
      traits: random.pick(TRAITS),
      ptId: random.oneIn(12) ? random.below(14) : idOf(random, model, random.oneIn(4) ? "hwpt" : "ioas"),
    }),
  ],
  [
    5,
    (random, model) => ({
      command: "ReplaceMockDevice",
      deviceId: idOf(random, model, "selftest"),
      ptId: random.oneIn(12) ? random.below(14) : idOf(random, model, random.oneIn(3) ? "hwpt" : "ioas"),
    }),
  ],
  [
    4,
    (random, model) => ({
      command: "AllocHwpt",
      flags: random.oneIn(20) ? random.below(16) : random.pick([0, 1, 2, 2, 3]),
      deviceId: idOf(random, model, "bound"),
      ptId: idOf(random, model, random.oneIn(10) ? "hwpt" : "ioas"),
      ...random.pick(TABLE_DATA),
      ...(random.oneIn(60) ? { reserved: 1 } : {}),
    }),
  ],
  [
    3,
    (random, model) => ({
      command: "SetDirtyTracking",
      hwptId: tracking(random, model),
      flags: random.oneIn(20) ? 2 : random.oneIn(4) ? 0 : 1,
    }),
  ],
  [
    6,
    (random, model) => {
      const pageSize = random.oneIn(30) ? 0n : random.pick([8n, 8n, 16n]);
      const bits = [random.below(256), random.below(256)];
      return { command: "MarkMockDirty", ...dirtyPlace(random, model), pageSize, bits };
    },
  ],
  [
    7,
    (random, model) => {
      const pageSize = random.oneIn(20) ? 0n : random.pick([8n, 8n, 16n, 32n]);
      const flags = random.oneIn(20) ? 2 : random.below(2);
      return { command: "GetDirtyBitmap", ...dirtyPlace(random, model), flags, pageSize };
    },
  ],
  [
    3,
    (random, model) => {
      const { iova, length } = place(random, model);
      const hwptId = idOf(random, model, "hwpt");
      const entry = model.ids.get(hwptId);
      const area = entry?.kind === "hwpt" ? entry.ioas.bytes.get(iova) : undefined;
      const va = area === undefined ? userVa(random) : area.va + iova - area.first;
      return { command: "CheckMockMap", hwptId, iova, length: length % 1024n, userVa: va };
    },
  ],
  [
    3,
    (random, model) => ({
      command: "CreateAccess",
      access: `access${accesses++}`,
      ioasId: idOf(random, model, "ioas"),
      flags: random.oneIn(20) ? 2 : random.below(2),
    }),
  ],
  [
    2,
    (random, model) => ({
      command: "ReplaceAccess",
      access: accessName(random, model),
      ioasId: idOf(random, model, "ioas"),
    }),
  ],
  [
    5,
    (random, model) => {
      const { iova, length } = accessPlace(random, model);
      const flags = random.oneIn(20) ? 2 : random.below(2);
      return { command: "PinAccess", access: iova.name, iova: iova.at, length, flags, userVa: 0n };
    },
  ],
  [2, unpin],
  [
    4,
    (random, model) => {
      const { iova, length } = accessPlace(random, model);
      const flags = random.oneIn(20) ? 2 : random.below(2);
      return { command: "AccessMemory", access: iova.name, iova: iova.at, length, flags };
    },
  ],
];
const LOTTERY = MAKERS.flatMap(([weight, make]) => Array.from({ length: weight }, () => make));

/** `hasHoles`: the process unmaps and protects its memory; else it gives up the right to lock. */
export function proposeIommufd(random: Random, model: NaiveIommufd, hasHoles: boolean): Step {
  const page = FIRST_PAGE + BigInt(random.below(PAGES));
  if (hasHoles && random.oneIn(120)) return { command: "Munmap", page };
  if (hasHoles && random.oneIn(60)) return { command: "Mprotect", page, isWritable: random.oneIn(2) };
  if (!hasHoles && random.oneIn(40)) return { command: "DropLock" };
  if (model.all("ioas").length === 0) return { command: "AllocIoas", flags: 0 };
  return random.pick(LOTTERY)(random, model);
}

function all(random: Random, model: NaiveIommufd): Command {
  return { command: "UnmapIova", ioasId: idOf(random, model, "ioas"), iova: 0n, length: TOP };
}

function unpin(random: Random, model: NaiveIommufd): Command {
  const items = model
    .all("access")
    .flatMap(({ name, items: held }) => held.map(({ item }) => ({ access: name, item })));
  const isKnown = items.length > 0 && !random.oneIn(5);
  const one = isKnown ? random.pick(items) : { access: accessName(random, model), item: random.below(4) };
  return { command: "UnpinAccess", ...one };
}

function destroy(random: Random, model: NaiveIommufd): Command {
  const kind = random.pick(["ioas", "hwpt", "hwpt", "selftest", "selftest", "bound", "access"] as const);
  return { command: "DestroyObject", id: idOf(random, model, kind) };
}

function allowed(random: Random, model: NaiveIommufd): { ranges: (readonly [bigint, bigint])[]; reserved?: number } {
  const ranges: (readonly [bigint, bigint])[] = [];
  if (random.oneIn(2)) return { ranges };
  let at = BigInt(random.below(40) * 8);
  for (let count = random.pick([1, 1, 2, 3]); count > 0; count--) {
    const last = at + BigInt(random.pick([15, 31, 63, 127, 255, 0, 9]));
    ranges.push([at, random.oneIn(12) ? at : last]);
    at = last + BigInt(random.pick([1, 1, 9, 33, 0]));
  }
  if (random.oneIn(8)) ranges.reverse();
  if (random.oneIn(20)) ranges.push([TOP - 99n, TOP]);
  void model;
  return random.oneIn(60) ? { ranges, reserved: 1 } : { ranges };
}

function tracking(random: Random, model: NaiveIommufd): number {
  const ids = [...model.ids].filter(([, entry]) => entry.kind === "hwpt" && entry.canTrack).map(([id]) => id);
  return ids.length === 0 || random.oneIn(8) ? idOf(random, model, "hwpt") : random.pick(ids);
}

/** A page table, often one that tracks, and some pages of its ioas. Never an empty range, whose meaning depends on the address. */
function dirtyPlace(random: Random, model: NaiveIommufd): { hwptId: number; iova: bigint; length: bigint } {
  const hwptId = tracking(random, model);
  const entry = model.ids.get(hwptId);
  const areas = entry?.kind === "hwpt" ? model.areasOf(entry.ioas) : [];
  if (areas.length === 0 || random.oneIn(8)) {
    const { iova, length } = place(random, model);
    return { hwptId, iova, length: length > 256n ? 64n : length };
  }
  const { first } = random.pick(areas);
  const iova = random.oneIn(10) ? first + 8n : first & -16n;
  return { hwptId, iova, length: random.pick([16n, 16n, 32n, 64n, 128n, 8n]) };
}

function accessPlace(random: Random, model: NaiveIommufd): { iova: { name: string; at: bigint }; length: bigint } {
  const found = model.all("access");
  const pinning = found.filter(({ pins }) => pins);
  const among = pinning.length > 0 && !random.oneIn(4) ? pinning : found;
  const access = among.length === 0 ? undefined : random.pick(among);
  const areas = access === undefined ? [] : model.areasOf(access.ioas as Ioas);
  const name = random.oneIn(40) ? "nobody" : (access?.name ?? "nobody");
  if (areas.length === 0 || random.oneIn(6))
    return { iova: { name, at: address(random) }, length: random.pick([0n, 1n, 16n, 32n, 1000n]) };
  const area = random.pick(areas);
  const at = area.first + (random.oneIn(3) ? random.pick([1n, 8n, 16n]) : 0n);
  const size = area.last - area.first + 1n;
  return { iova: { name, at }, length: random.pick([size, size, 8n, 16n, size + 16n, size + 32n]) };
}
