/** Random calls of a profile that collide often: few addresses, few objects, the set-up first and now and then. */
import { hex } from "../../address.ts";
import type { JsonObject } from "../../event-json.ts";
import type { ProfileName } from "../../fact.ts";

type Random = (below: number) => number;
type Draw = (random: Random) => JsonObject;

/** The last calls of the set-up: a group joins, the driver is set, the memory made ready. */
const REJOIN = 3;
const PAGE = 0x1000n;
const VA = 1n << 44n;
const DEVICES = ["0000:00:05.0", "0000:00:06.0"];

/** The same numbers on every machine. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pages = (random: Random, below: number): bigint => BigInt(random(below)) * PAGE;
const address = (random: Random, below: number): string => hex(pages(random, below));
const bytes = (random: Random, below: number): string => hex(BigInt(1 + random(below)) * PAGE);
const va = (random: Random): string => hex(VA + pages(random, 32));
const device = (random: Random): string => DEVICES[random(2)] as string;

const IOMMUFD: readonly Draw[] = [
  () => ({ command: "AllocIoas" }),
  (random) => ({ command: "DestroyObject", id: 1 + random(8) }),
  (random) => ({ command: "BindVfioDevice", device: device(random) }),
  (random) => ({ command: "AttachVfioDevice", device: device(random), ptId: 1 + random(8) }),
  (random) => ({ command: "DetachVfioDevice", device: device(random) }),
  (random) => ({ command: "CloseVfioDevice", device: device(random) }),
  (random) => ({ command: "AllocHwpt", deviceId: 1 + random(6), ptId: 1 + random(6), flags: random(2) * 2 }),
  (random) => ({ command: "SetDirtyTracking", hwptId: 1 + random(8), flags: random(2) }),
  (random) => ({ command: "UseVfioIoas", operation: random(3), ioasId: 1 + random(4) }),
  (random) => ({
    command: "UseOption",
    option: 1,
    operation: 0,
    objectId: 1 + random(4),
    value: hex(BigInt(random(2))),
  }),
  (random) => ({ command: "AllowIovas", ioasId: 1 + random(4), ranges: [["0x0", hex(pages(random, 64) + 0xfffn)]] }),
  (random) => ({ command: "QueryIovaRanges", ioasId: 1 + random(4), slots: 4 }),
];
const IOMMUFD_HOT: readonly Draw[] = [
  (random) => ({
    command: "MapIova",
    ioas: `ioas${random(3)}`,
    prot: ["r", "w", "rw"][random(3)],
    userVa: va(random),
    length: bytes(random, 4),
    ...(random(3) === 0 ? {} : { iova: address(random, 64) }),
  }),
  (random) => ({ command: "UnmapIova", ioas: `ioas${random(3)}`, iova: address(random, 64), length: bytes(random, 8) }),
  (random) => ({
    command: "CopyIova",
    dstIoas: `ioas${random(3)}`,
    srcIoas: `ioas${random(3)}`,
    prot: ["r", "rw"][random(2)],
    length: bytes(random, 4),
    srcIova: address(random, 64),
    ...(random(2) === 0 ? {} : { dstIova: address(random, 64) }),
  }),
];

const TYPE1: readonly Draw[] = [
  () => ({ command: "OpenContainer" }),
  (random) => ({ command: "OpenGroup", group: 2 + random(3) }),
  (random) => ({ command: "SetContainer", group: random(4), file: `container${random(2)}` }),
  (random) => ({ command: "UnsetContainer", group: random(4) }),
  (random) => ({ command: "OpenDevice", group: random(4), name: device(random) }),
  (random) => ({ command: "CloseFile", file: `${["group", "device"][random(2)]}${random(6)}` }),
  (random) => ({
    command: "UseDirtyPages",
    container: 0,
    flags: 1 + random(2),
    iova: "0x0",
    size: "0x0",
    bitmap: null,
  }),
  (random) => ({
    command: "UseDirtyPages",
    container: 0,
    flags: 4,
    iova: address(random, 8),
    size: hex(64n * PAGE),
    bitmap: { pageSize: hex(PAGE), bytes: "0x40" },
  }),
];
const TYPE1_HOT: readonly Draw[] = [
  (random) => ({
    command: "MapDma",
    container: random(2),
    flags: random(8) === 0 ? 4 : 1 + random(3),
    userVa: va(random),
    iova: address(random, 48),
    size: bytes(random, 4),
  }),
  (random) => ({
    command: "UnmapDma",
    container: random(2),
    flags: random(8) === 0 ? 4 : 0,
    iova: address(random, 48),
    size: bytes(random, 12),
    bitmap: null,
  }),
];

/** Beside type1's, what an iommufd does to the container's ioas. */
const COMPAT: readonly Draw[] = [
  () => ({ command: "AllocIoas" }),
  (random) => ({ command: "DestroyObject", id: 1 + random(4) }),
  (random) => ({ command: "UseVfioIoas", operation: random(3), ioasId: 1 + random(4) }),
  (random) => ({ command: "AllocHwpt", deviceId: 1 + random(6), ptId: 1 + random(6) }),
];

const on = (random: Random) => ({ container: random(2) });
const SPAPR: readonly Draw[] = [
  () => ({ command: "OpenContainer" }),
  (random) => ({ command: "OpenGroup", pe: 2 + random(3) }),
  (random) => ({ command: "SetContainer", group: random(2), container: random(2) }),
  (random) => ({ command: "UnsetContainer", group: random(2) }),
  (random) => ({ command: "RemoveWindow", ...on(random), start: random(2) === 0 ? "0x0" : hex(1n << 59n) }),
  (random) => ({ command: "CreateWindow", ...on(random), pageShift: 12 + random(2) * 4, size: "0x100000", levels: 1 }),
  (random) => ({ command: "Enable", ...on(random) }),
  (random) => ({ command: "Disable", ...on(random) }),
  (random) => ({
    command: ["RegisterMemory", "UnregisterMemory"][random(2)],
    ...on(random),
    userVa: hex(VA + BigInt(random(3)) * 0x1_0000n),
    size: "0x10000",
  }),
];
const SPAPR_HOT: readonly Draw[] = [
  (random) => ({
    command: "MapDma",
    ...on(random),
    flags: 1 + random(3),
    userVa: va(random),
    iova: hex((random(2) === 0 ? 0n : 1n << 59n) + pages(random, 32)),
    size: bytes(random, 4),
  }),
  (random) => ({
    command: "UnmapDma",
    ...on(random),
    iova: hex((random(2) === 0 ? 0n : 1n << 59n) + pages(random, 32)),
    size: bytes(random, 8),
  }),
];

const DOMAINS = 3;
/** Those of `DEVICES`, and one that is not there. */
const ENDPOINTS = [40, 48, 99];
const request = (random: Random) => ({ domain: random(DOMAINS), endpoint: ENDPOINTS[random(3)] as number });
const VIRTIO_IOMMU: readonly Draw[] = [
  (random) => ({ command: "AttachEndpoint", ...request(random), flags: random(4) === 0 ? 1 : 0 }),
  (random) => ({ command: "DetachEndpoint", ...request(random) }),
  (random) => ({ command: "ProbeEndpoint", endpoint: request(random).endpoint }),
  (random) => ({ command: "UnknownRequest", type: 6 + random(4) }),
  (random) => (random(4) === 0 ? { command: "ResetDevice" } : { command: "AttachEndpoint", ...request(random) }),
];
const virtRange = (random: Random) => {
  const first = pages(random, 48);
  return { domain: random(DOMAINS), virtStart: hex(first), virtEnd: hex(first + pages(random, 6) + 0xfffn) };
};
const VIRTIO_IOMMU_HOT: readonly Draw[] = [
  (random) => ({ command: "MapRange", ...virtRange(random), physStart: address(random, 32), flags: 1 + random(3) }),
  (random) => ({ command: "UnmapRange", ...virtRange(random) }),
];

interface Calls {
  readonly first: readonly JsonObject[];
  readonly hot: readonly Draw[];
  readonly rest: readonly Draw[];
}

function callsOf(profile: ProfileName): Calls {
  if (profile === "iommufd") {
    const first = [
      { command: "AllocIoas" },
      { command: "AllocIoas" },
      { command: "BindVfioDevice", device: DEVICES[0] },
    ];
    return {
      first: [...first, { command: "AttachVfioDevice", device: DEVICES[0], ptId: 1 }],
      hot: IOMMUFD_HOT,
      rest: IOMMUFD,
    };
  }
  if (profile === "virtio-iommu") {
    const first = ENDPOINTS.map((endpoint, domain) => ({ command: "AttachEndpoint", domain, endpoint }));
    return { first, hot: VIRTIO_IOMMU_HOT, rest: VIRTIO_IOMMU };
  }
  if (profile === "iommufd-vfio-compat") {
    const join = { command: "SetContainer", group: 0, file: "container0" };
    const first = [{ command: "OpenGroup", group: 2 }, join, { command: "SetIommu", container: 0, iommuType: 3 }];
    const set: Draw = (random) => ({ command: "SetIommu", container: 0, iommuType: random(2) === 0 ? 1 : 3 });
    const open = { command: "OpenDevice", group: 0, name: DEVICES[0] };
    return { first: [...first, open], hot: [...TYPE1_HOT, ...IOMMUFD_HOT], rest: [...COMPAT, ...TYPE1.slice(1), set] };
  }
  const isType1 = profile.startsWith("vfio-type1");
  const type = { "vfio-type1": 1, "vfio-type1v2": 3, "spapr-tce": 2, "spapr-tce-v2": 7 }[profile as string];
  const setIommu = { command: "SetIommu", container: 0, iommuType: type };
  const open = { command: "OpenContainer" };
  if (isType1) {
    const join = { command: "SetContainer", group: 0, file: "container0" };
    const first = [open, { command: "OpenGroup", group: 2 }, join, setIommu];
    return { first, hot: TYPE1_HOT, rest: [...TYPE1, (random) => ({ ...setIommu, container: random(2) })] };
  }
  const first = [open, { command: "OpenGroup", pe: 2 }, { command: "SetContainer", group: 0, container: 0 }, setIommu];
  const region = { command: "RegisterMemory", container: 0, userVa: hex(VA), size: "0x10000" };
  const enable = profile === "spapr-tce" ? { command: "Enable", container: 0 } : region;
  const rest: Draw[] = [...SPAPR, (random) => ({ ...setIommu, container: random(2) }), () => enable];
  return { first: [...first, enable], hot: SPAPR_HOT, rest };
}

export function randomCommands(profile: ProfileName, seed: number, count: number): JsonObject[] {
  const random = randomOf(seed);
  const { first, hot, rest } = callsOf(profile);
  const commands = [...first];
  while (commands.length < count) {
    // What the set-up made is often lost: it is made again, so that there is something to map into.
    if (random(30) === 0) commands.push(...first.slice(-REJOIN));
    const from = random(6) === 0 ? rest : hot;
    commands.push((from[random(from.length)] as Draw)(random));
  }
  return commands;
}
