/** Recorded kernel calls of iommufd, type1 and sPAPR. */
import { readdirSync } from "node:fs";
import path from "node:path";
import type { Fact } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { vectorsDecoder } from "./vectors-decoder.ts";

const test = suite("kernel vectors");
const ROOT = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings");
const decoded = (name: string) => decode(vectorsDecoder(), linesOf(`tests/recordings/vectors/${name}.jsonl.gz`));

test("every operation of every vector of the project is known", () => {
  const files = ["vectors", "conform"].flatMap((folder) =>
    readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((file) => /\.jsonl(\.gz)?$/.test(file))
      .map((file) => `tests/recordings/${folder}/${file}`),
  );
  assert.ok(files.length > 13);
  for (const file of files) assert.equal(decode(vectorsDecoder(), linesOf(file)).problems, [], file);
});

/** Facts by `context Type ERRNO`, all of one profile. */
const RECORDINGS: Readonly<Record<string, readonly [string, Readonly<Record<string, number>>]>> = {
  "device-two-ioas": [
    "iommufd",
    {
      IoasAllocated: 2,
      DeviceBound: 1,
      HwptAllocated: 2,
      DeviceAttached: 2,
      IovaMapped: 2,
      "CallRefused EADDRINUSE": 1,
      IovaUnmapped: 1,
      HwptDestroyed: 2,
      IoasDestroyed: 2,
      DeviceDetached: 1,
      DeviceUnbound: 1,
    },
  ],
  "vfio-two-devices": [
    "iommufd",
    {
      IoasAllocated: 1,
      DeviceBound: 2,
      HwptAllocated: 1,
      DeviceAttached: 2,
      IovaMapped: 1,
      DeviceDetached: 2,
      HwptDestroyed: 1,
      IovaUnmapped: 1,
    },
  ],
  "access-replace": [
    "iommufd",
    {
      IoasAllocated: 2,
      IovaMapped: 2,
      AccessAttached: 2,
      "CallRefused EADDRINUSE": 1,
      IovaUnmapped: 1,
      "CallRefused ENOENT": 1,
      IoasDestroyed: 1,
      "CallRefused EBUSY": 1,
    },
  ],
};

for (const [name, [profile, counts]] of Object.entries(RECORDINGS))
  test(name, () => {
    const { facts, problems } = decoded(name);
    assert.equal(problems, []);
    assert.equal(countsOf(facts), counts);
    assert.ok(facts.every((fact) => fact.profile === profile && fact.stamp === null && fact.actor === null));
    const lines = linesOf(`tests/recordings/vectors/${name}.jsonl.gz`);
    for (const length of prefixLengths(lines.length))
      assert.ok(written(facts).startsWith(written(decode(vectorsDecoder(), lines.slice(0, length), false).facts)));
  });

const at = (facts: readonly Fact[], line: number) => facts.filter((fact) => fact.line === line);
const events = (facts: readonly Fact[], line: number) => at(facts, line).map(({ event }) => event);

test("an attach tells the page table's traits, a replace lets the old one die", () => {
  const { facts } = decoded("device-two-ioas");
  assert.equal(events(facts, 4), [
    { type: "DeviceBound", device: "dev0", group: null, kernelId: 4, objectId: 3 },
    {
      type: "HwptAllocated",
      hwpt: 5,
      ioas: 1,
      kernelId: 5,
      pageSize: 0x800n,
      aperture: { first: 0x1000000n, last: 0x7fffffffn },
      auto: true,
      dirtyTracking: false,
      nestParent: false,
    },
    { type: "DeviceAttached", device: "dev0", pasid: null, ioas: 1, hwpt: 5 },
  ]);
  assert.equal(
    events(facts, 11).map(({ type }) => type),
    ["HwptAllocated", "DeviceAttached", "HwptDestroyed"],
  );
});

test("a copy is one mapping for each of the mappings it shares", () => {
  const { facts } = decoded("copy-multi-area");
  const copies = (line: number) =>
    events(facts, line).map((event) => (event.type === "IovaMapped" ? [event.iova, event.last, event.source] : event));
  const source = (va: bigint) => ({ kind: "copy", va, writable: true });
  assert.equal(copies(7), [
    [0x80000n, 0x81fffn, source(0x100000000000n)],
    [0x82000n, 0x83fffn, source(0x100000010000n)],
  ]);
  assert.equal(copies(11), [
    [0x80000n, 0x80fffn, source(0x100000001000n)],
    [0x81000n, 0x81fffn, source(0x100000010000n)],
  ]);
  assert.equal(events(facts, 14), [
    {
      type: "MapRefused",
      ioas: 2,
      iova: 0x80000n,
      length: 0x6000n,
      prot: "rw",
      source: { kind: "unknown" },
    },
  ]);
  assert.equal(events(facts, 16), [{ type: "IovaUnmapped", ioas: 2, iova: 0n, last: 2n ** 64n - 1n, bytes: 0x4000n }]);
});

test("options, files, and the last byte of the space", () => {
  const options = decoded("option-huge-pages").facts;
  assert.equal(
    [3, 4, 11, 14].map((line) => at(options, line).map(({ event, errno }) => `${event.type} ${errno}`)),
    [[], ["LargePagesDisabled null"], ["LargePagesEnabled null"], ["CallRefused EADDRINUSE"]],
  );
  const file = decoded("map-file-basic").facts.find(({ event }) => event.type === "IovaMapped")?.event;
  assert.ok(file?.type === "IovaMapped");
  assert.equal(file.source, { kind: "file", fd: 0, start: 0n });
  const top = decoded("map-top-of-space").facts.filter(({ event }) => event.type === "IovaMapped");
  assert.ok(top.some(({ event }) => event.type === "IovaMapped" && event.last === 2n ** 64n - 1n));
});

test("type1: the last group takes the space with it, and the next container is another context", () => {
  const { facts } = decoded("close-order-v2");
  assert.equal(
    facts.map(({ context, event, errno, line }) => `${line} ${context} ${event.type} ${errno ?? ""}`.trim()),
    [
      "5  IoasAllocated",
      "5  DeviceAttached",
      "6  IovaMapped",
      "11 container=cont1 CallRefused EINVAL",
      "12  DeviceDetached",
      "12  IoasDestroyed",
      "14 container=cont1 IoasAllocated",
      "14 container=cont1 DeviceAttached",
      "15 container=cont1 IovaMapped",
      "16 container=cont1 DeviceBound",
      "19  CallRefused EBUSY",
      "20 container=cont1 DeviceUnbound",
      "20 container=cont1 DeviceDetached",
      "20 container=cont1 IoasDestroyed",
    ],
  );
  assert.ok(facts.every(({ profile }) => profile === "vfio-type1v2"));
});

test("type1 version 1: an unmap takes a mapping that begins in it wholly", () => {
  const { facts } = decoded("unmap-bisect-v1");
  const unmap = (line: number) => {
    const event = events(facts, line)[0];
    return event?.type === "IovaUnmapped" ? [event.iova, event.last, event.bytes] : event;
  };
  assert.equal(unmap(7), [0x11000n, 0x11fffn, 0n]);
  assert.equal(unmap(12), [0x10000n, 0x13fffn, 0x4000n]);
  assert.equal(unmap(15), [0xf000n, 0x13fffn, 0x4000n]);
  assert.ok(facts.every(({ profile }) => profile === "vfio-type1"));
});

test("type1: a change of the user address maps and unmaps nothing", () => {
  const { facts } = decoded("vaddr-basic-v2");
  const lines = linesOf("tests/recordings/vectors/vaddr-basic-v2.jsonl.gz");
  for (const [i, line] of lines.entries()) {
    const isVaddr = /"flags":4\b/.test(line);
    if (isVaddr && line.includes('"errno":0')) assert.equal(at(facts, i + 1), [], line);
    if (isVaddr && !line.includes('"errno":0')) assert.is(events(facts, i + 1)[0]?.type, "CallRefused", line);
  }
});

test("sPAPR: windows, and a context for each container", () => {
  const { facts } = decoded("default-again");
  const windows = facts
    .map(({ event, line }) =>
      event.type === "WindowCreated" || event.type === "WindowRemoved"
        ? `${line} ${event.type} ${event.iova.toString(16)}-${event.last.toString(16)}`
        : "",
    )
    .filter((text) => text !== "");
  assert.equal(windows.slice(0, 5), [
    "11 WindowRemoved 0-ffffffff",
    "13 WindowCreated 0-3ffffff",
    "17 WindowRemoved 0-3ffffff",
    "18 WindowCreated 0-fffff",
    "22 WindowRemoved 0-fffff",
  ]);
  const two = decoded("two-containers").facts;
  assert.equal([...new Set(two.map(({ context }) => context))], ["", "container=c1"]);
  assert.ok(two.every(({ profile }) => profile === "spapr-tce-v2"));
});

test("a positive return is a failure without an errno", () => {
  const call = '{"i":1,"op":"map_dma","in":{"container":"c0","iova":"0x100","va":"0x0","size":"0x1000","flags":3}';
  const { facts } = decode(vectorsDecoder(), [`${call},"errno":0,"out":{"ret":1}}`]);
  assert.equal([facts[0]?.event.type, facts[0]?.errno, facts[0]?.profile], ["MapRefused", "UNKNOWN", "spapr-tce-v2"]);
});

test("a file without its meta line is read; a second meta line begins another run", () => {
  const lines = linesOf("tests/recordings/vectors/device-two-ioas.jsonl.gz");
  const headless = decode(vectorsDecoder(), lines.slice(1));
  assert.equal(headless.problems, []);
  assert.is(headless.facts.length, decoded("device-two-ioas").facts.length);
  const twice = decode(vectorsDecoder(), [...lines, ...lines]).facts;
  assert.equal([...new Set(twice.map(({ context }) => context))], ["", "run=2"]);
});

test("broken records are named and cost nothing but themselves", () => {
  const alloc = '{"i":0,"op":"ioas_alloc","in":{"flags":0},"errno":0,"out":{"ioas":"ioas0","id":1}}';
  const { facts, problems } = decode(vectorsDecoder(), [
    alloc,
    alloc.slice(0, 40),
    "",
    "[]",
    "{}",
    '{"i":1,"op":"teleport","in":{},"errno":0,"out":{}}',
    '{"i":2,"op":"map","in":{"ioas":"ioas0","ioas_id":1,"flags":7,"va":"0x0","length":"0x1000"},"errno":0,"out":{}}',
    '{"i":3,"op":"map","in":5,"errno":0,"out":{}}',
    '{"i":4,"op":"map","in":{},"errno":-22,"out":{}}',
    '{"i":5,"op":"unmap","in":{"ioas":null,"ioas_id":9,"iova":"0x10000000000000000","length":"0x1"},"errno":"ENOENT","out":{}}',
    '{"i":6,"op":"destroy","in":{"obj":"ioas0","obj_id":1},"errno":"ENEWERRNO","out":{}}',
  ]);
  assert.equal(
    facts.map(({ event, errno }) => `${event.type} ${errno}`),
    ["IoasAllocated null", "CallRefused UNKNOWN"],
  );
  assert.equal(problems, [
    "2: not a whole JSON object",
    "4: not a JSON object",
    '5: neither "meta" nor "op" in the record',
    '6: unknown operation "teleport"',
    '7: operation 2 (map): "iova" is not a "0x..." number of at most 64 bits',
    '8: operation 3 (map): "in" and "out" are not objects',
    '9: operation 4 (map): "errno" is neither 0 nor a name',
    '10: operation 5 (unmap): "iova" is not a "0x..." number of at most 64 bits',
  ]);
});

test.run();
