import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ByteLength, Iova } from "./address.ts";
import { EVENT_TYPES, type IoasEvent, type Recorded } from "./events.ts";
import { recordedFromJson, recordedToJson } from "./recorded-json.ts";

const test = suite("recorded events as JSON");
const at = (value: bigint) => value as Iova;
const bytes = (value: bigint) => value as ByteLength;
const TOP = at(0xffff_ffff_ffff_ffffn);

/** One event of every type, with the awkward values that each can hold. */
const EVENTS: readonly IoasEvent[] = [
  {
    type: "IovaMapped",
    ioas: 3,
    iova: at(0x1000n),
    last: TOP,
    prot: "rw",
    source: { kind: "paddr", paddr: 0x5000n, runs: [{ iova: at(0x1000n), paddr: 0x5000n, length: 0x2000n }] },
  },
  { type: "IovaUnmapped", ioas: 0, iova: at(0n), last: TOP, bytes: bytes(1n << 64n) },
  { type: "MapRefused", ioas: null, iova: null, length: bytes(0n), prot: "unknown", source: { kind: "unknown" } },
  { type: "UnmapRefused", ioas: 1, iova: TOP, length: bytes(2n) },
  { type: "IoasAllocated", ioas: 0, kernelId: 1 },
  { type: "IoasFound", ioas: 1, kernelId: 7 },
  { type: "IoasDestroyed", ioas: 0 },
  { type: "IovasAllowed", ioas: 0, ranges: [{ first: at(0n), last: at(1n) }] },
  { type: "IovaReserved", ioas: 0, owner: "user", iova: at(0xfee00000n), last: at(0xfeefffffn) },
  { type: "IovaUnreserved", ioas: 0, owner: "device:dev0" },
  { type: "LargePagesEnabled", ioas: 0 },
  { type: "LargePagesDisabled", ioas: 0 },
  {
    type: "HwptAllocated",
    hwpt: 1,
    ioas: 0,
    kernelId: null,
    auto: true,
    pageSize: 0x800n,
    aperture: { first: at(0x1000000n), last: at(0x7fffffffn) },
    dirtyTracking: false,
    nestParent: true,
    parent: 0,
    fault: 5,
    viommu: 6,
    takesPasids: true,
  },
  { type: "HwptDestroyed", hwpt: 1 },
  { type: "DirtyTrackingStarted", hwpt: null },
  { type: "DirtyTrackingStopped", hwpt: 0 },
  { type: "DeviceBound", device: "0000:00:05.0", kernelId: 4, group: null },
  { type: "DeviceUnbound", device: "dev0" },
  { type: "DeviceAttached", device: "endpoint 24", pasid: 1, ioas: 2, hwpt: null, ioasKernelId: 9 },
  { type: "DeviceDetached", device: "endpoint 24", pasid: null },
  { type: "AccessAttached", access: "access0", kernelId: null, ioas: null, pins: true },
  { type: "AccessClosed", access: "access0" },
  { type: "WindowCreated", ioas: 0, iova: at(1n << 59n), last: at((1n << 59n) + 0xfffn), pageSize: 0x10000n },
  { type: "WindowRemoved", ioas: 0, iova: at(1n << 59n), last: at((1n << 59n) + 0xfffn) },
  { type: "MemoryRegistered", va: 0x1000n, length: bytes(0x1000n) },
  { type: "MemoryUnregistered", va: 0x1000n, length: bytes(0x1000n) },
  { type: "RlimitModeSet", mode: "mm" },
  { type: "ContextCreated", profile: "vfio-type1", kernel: null, policy: "fixed", setup: '{"hosts":[]}' },
  {
    type: "DriverChanged",
    change: { type: "LayoutChanged", container: 0, iovas: [[0n, TOP]], name: "a", isOpen: true },
  },
  { type: "VfioIoasSet", ioas: 0 },
  { type: "FaultQueueAllocated", kernelId: 5 },
  { type: "ViommuAllocated", kernelId: 6, hwpt: 1, viommuType: 0xdeadbeef, iommu: null },
  { type: "VdeviceAllocated", kernelId: 7, viommu: 6, device: "0000:00:05.0", virtualId: TOP },
  { type: "VeventQueueAllocated", kernelId: 8, viommu: 6, queueType: 0xbeefbeef, depth: 4 },
  {
    type: "HwQueueAllocated",
    kernelId: 9,
    viommu: 6,
    queueType: 1,
    index: 0,
    iova: at(0x1000n),
    last: at(0x1fffn),
    access: "hw-queue 9",
  },
  { type: "QueueFileClosed", kernelId: 8 },
  { type: "IommufdObjectDestroyed", kernelId: 7, isLeaked: true },
  { type: "CallRefused", call: "hwpt_alloc", detail: "flags=3" },
  { type: "FaultReported", format: "dmar", device: null, pasid: null, iova: null, access: "write", reason: "" },
  { type: "EventsLost", count: null, what: "ring" },
  { type: "ClockAnchored", clock: "mono", seconds: "1.5", realtime: "1795417285.188175293" },
  { type: "BookmarkSet", name: "1-up" },
];

function recorded(event: IoasEvent, rest: Partial<Recorded> = {}): Recorded {
  return { version: 1, epoch: 1, stamp: null, actor: null, errno: null, line: 1, event, ...rest };
}

test("every type of event comes back as it was", () => {
  assert.equal([...new Set(EVENTS.map(({ type }) => type))].sort(), [...EVENT_TYPES].sort());
  for (const event of EVENTS) {
    const text = JSON.stringify(recordedToJson(recorded(event)));
    assert.equal(recordedFromJson(JSON.parse(text), 1).event, event, text);
  }
});

test("sources come back as they were", () => {
  const sources = [
    { kind: "va", va: 1n },
    { kind: "file", fd: 306, start: 12128256n },
    { kind: "dmabuf", fd: 9, start: 0n },
    { kind: "gpa", gpa: 0x100000000n },
    { kind: "copy", va: 0x100000000800n, writable: true },
    { kind: "unknown", runs: [{ iova: at(0n), paddr: 1n, length: 2n }] },
  ] as const;
  for (const source of sources) {
    const event: IoasEvent = { type: "IovaMapped", ioas: 0, iova: at(0n), last: at(1n), prot: "w", source };
    const text = JSON.stringify(recordedToJson(recorded(event)));
    assert.equal(recordedFromJson(JSON.parse(text), 1).event, event, text);
  }
});

test("the line is the documented one", () => {
  const json = recordedToJson(
    recorded(EVENTS[0] as IoasEvent, {
      version: 17,
      epoch: 2,
      stamp: { clock: "realtime", ticks: 1620207496158864n, decimals: 6 },
      actor: { comm: "qemu", pid: 4, tid: 5, cpu: null, flags: null },
    }),
  );
  assert.equal(JSON.parse(JSON.stringify(json)), {
    version: 17,
    epoch: 2,
    time: "2021-05-05T09:38:16.158864Z",
    clock: { name: "realtime", seconds: "1620207496.158864" },
    actor: { comm: "qemu", pid: 4, tid: 5, cpu: null, flags: null },
    errno: null,
    event: {
      type: "IovaMapped",
      ioas: "ioas3",
      iova: "0x1000",
      last: "0xffffffffffffffff",
      prot: "rw",
      source: { kind: "paddr", paddr: "0x5000", runs: [["0x1000", "0x5000", "0x2000"]] },
    },
  });
  const boot = recorded({ type: "BookmarkSet", name: "x" }, { stamp: { clock: "boot", ticks: 5n, decimals: 9 } });
  const { time, clock } = recordedToJson(boot);
  assert.equal([time, clock], [null, { name: "boot", seconds: "0.000000005" }]);
  assert.equal(recordedFromJson(recordedToJson(boot), 1), boot);
});

test("says what is wrong with a line that is none", () => {
  const good = recordedToJson(recorded(EVENTS[0] as IoasEvent)) as { event: object };
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ ...good, version: 0 }, /"version" and "epoch"/],
    [{ ...good, event: 7 }, /"event" is not an object/],
    [{ ...good, errno: "ENOSUCH" }, /no errno/],
    [{ ...good, clock: { name: "boot", seconds: "x" } }, /"clock"/],
    [{ ...good, event: { type: "Nonsense" } }, /no type of event/],
    [{ ...good, event: { ...good.event, ioas: "hwpt0" } }, /"ioas" is not a handle/],
    [{ ...good, event: { ...good.event, iova: 4096 } }, /"iova" is not a "0x/],
    [{ ...good, event: { ...good.event, last: "0x10000000000000000" } }, /"last" is not/],
    [{ ...good, event: { ...good.event, last: "0x1" } }, /"iova" is above "last"/],
    [{ ...good, event: { ...good.event, source: { kind: "magic" } } }, /no kind of source/],
  ];
  for (const [json, expected] of wrong)
    assert.throws(
      () => recordedFromJson(json as Parameters<typeof recordedFromJson>[0], 1),
      (error: Error) => {
        assert.match(error.message, expected);
        return error.name === "JsonError";
      },
    );
});

test.run();
