import { byteLength, type IoasEvent } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stateAt } from "./at.ts";
import { changesAround } from "./changes.ts";
import { comparePages } from "./compare.ts";
import { diff } from "./diff.ts";
import { historyOf } from "./history.ts";
import { logOf } from "./log.ts";
import { at, historyOfSteps, mapped, unmapped } from "./testing/small-history.ts";
import { who } from "./who.ts";

const test = suite("Answers");

const range = (first: number, last = first) => ({ first: at(first), last: at(last) });
const allocated = (ioas: number): IoasEvent => ({ type: "IoasAllocated", ioas, kernelId: ioas + 1 });
const attached = (device: string, ioas: number): IoasEvent => ({
  type: "DeviceAttached",
  device,
  pasid: null,
  ioas,
  hwpt: null,
});

const STEPS = [
  { event: allocated(0) },
  { event: attached("0000:00:05.0", 0) },
  {
    event: {
      type: "IovaReserved",
      ioas: 0,
      owner: "device:0000:00:05.0",
      iova: at(0xfee0_0000),
      last: at(0xfeef_ffff),
    },
  },
  { event: mapped(0x1000, 0x2fff), at: "1.5", comm: "vmm" },
  {
    event: {
      type: "MapRefused",
      ioas: 0,
      iova: at(0x2000),
      length: byteLength(0x1000n),
      prot: "r",
      source: { kind: "unknown" },
    },
    errno: "EEXIST",
  },
  { event: unmapped(0x1000, 0x2fff), at: "2.5", comm: "vmm" },
  { event: { type: "EventsLost", count: 3, what: "ring overrun" } },
  { event: mapped(0x2000, 0x3fff, "r"), at: "3.5", comm: "other" },
  { event: allocated(1) },
  { event: mapped(0x2000, 0x2fff, "rw", { kind: "file", fd: 9, start: 0x8000n }, 1) },
  { event: { type: "IoasDestroyed", ioas: 1 } },
] as const;

test("at shows spaces, usable ranges, attachments and what is not certain", async () => {
  const journal = await historyOfSteps(...STEPS);
  const answer = stateAt(journal, "c", 10);
  assert.equal(
    answer.spaces.map(({ ioas, kernelId, alignment, ranges, allowed, areas }) => [
      ioas,
      kernelId,
      alignment,
      ranges,
      allowed,
      areas.length,
    ]),
    [
      [
        "ioas0",
        1,
        null,
        [
          ["0x0", "0xfedfffff"],
          ["0xfef00000", "0xffffffffffffffff"],
        ],
        null,
        1,
      ],
      ["ioas1", 2, "0x1", [["0x0", "0xffffffffffffffff"]], [], 1],
    ],
  );
  assert.equal(answer.spaces[1]?.areas[0], {
    ioas: "ioas1",
    iova: "0x2000",
    last: "0x2fff",
    prot: "rw",
    source: { kind: "file", fd: 9, start: "0x8000" },
    version: 10,
  });
  assert.equal(answer.devices, [{ device: "0000:00:05.0", pasid: null, ioas: "ioas0", hwpt: null }]);
  assert.is(answer.digest, journal.digest("c", 10));
  assert.match(answer.notes.join(" "), /lost events once/);
  assert.is(stateAt(journal, "c", 11).spaces.length, 1);
  assert.is(stateAt(journal, "c", 10, { device: "00:05.0" }).spaces.length, 1);
  assert.throws(() => stateAt(journal, "c", 10, { device: "00:06.0" }), /attached are 0000:00:05\.0/);
  assert.throws(() => stateAt(journal, "c", 10, { ioas: "ioas7" }), /known are ioas0 \.\.\. ioas1/);
});

test("a space that the record never created keeps quiet about what it cannot know", async () => {
  const journal = await historyOfSteps({ event: mapped(0x1000, 0x1fff) });
  const [space] = stateAt(journal, "c", 1).spaces;
  assert.equal([space?.alignment, space?.ranges, space?.allowed], [null, null, null]);
});

test("history tells refusals, gaps and the ends of spaces that had spoken of the range", async () => {
  const journal = await historyOfSteps(...STEPS);
  const rows = [...historyOf(journal, "c", range(0x2000))];
  assert.equal(
    rows.map(({ version, type, ioas, last, prot, errno }) => [version, type, ioas, last, prot, errno]),
    [
      [4, "IovaMapped", "ioas0", "0x2fff", "rw", null],
      [5, "MapRefused", "ioas0", "0x2fff", "r", "EEXIST"],
      [6, "IovaUnmapped", "ioas0", "0x2fff", null, null],
      [7, "EventsLost", null, null, null, null],
      [8, "IovaMapped", "ioas0", "0x3fff", "r", null],
      [10, "IovaMapped", "ioas1", "0x2fff", "rw", null],
      [11, "IoasDestroyed", "ioas1", null, null, null],
    ],
  );
  assert.equal(
    [...historyOf(journal, "c", range(0x9000))].map(({ type }) => type),
    ["EventsLost"],
  );
  assert.equal(
    [...historyOf(journal, "c", range(0x2000), { device: "00:05.0" })].map(({ version }) => version),
    [4, 5, 6, 7, 8],
  );
});

test("log filters by version, type, range and space", async () => {
  const journal = await historyOfSteps(...STEPS);
  const versions = (filter: Parameters<typeof logOf>[2]): number[] =>
    [...logOf(journal, "c", filter)].map(({ version }) => version);
  assert.is(versions({}).length, STEPS.length);
  assert.equal(versions({ from: 4, to: 6 }), [4, 5, 6]);
  assert.equal(versions({ type: "iovamapped" }), [4, 8, 10]);
  assert.equal(versions({ range: range(0x1000, 0x1fff) }), [4, 6, 11]);
  assert.equal(versions({ ioas: "ioas1" }), [7, 9, 10, 11]);
  assert.throws(() => versions({ type: "Mapped" }), /there are IovaMapped/);
});

test("who names the mapper, the last unmapper and the neighbours", async () => {
  const journal = await historyOfSteps(...STEPS);
  const held = who(journal, "c", range(0x2800), 8);
  assert.equal([held.mapped, held.areas[0]?.mappedBy.actor?.comm, held.areas[0]?.mappedBy.version], [true, "other", 8]);
  assert.equal([held.lastUnmappedBy?.version, held.lastUnmappedBy?.mappedBy?.version], [6, 4]);
  assert.equal(
    held.devices.map(({ device }) => device),
    ["0000:00:05.0"],
  );
  const free = who(journal, "c", range(0x1000), 10);
  assert.is(free.mapped, false);
  assert.equal([free.neighbours.below, free.neighbours.above?.iova], [null, "0x2000"]);
  const both = who(journal, "c", range(0x2000), 10);
  assert.equal(
    both.areas.map(({ ioas }) => ioas),
    ["ioas0", "ioas1"],
  );
  const after = who(journal, "c", range(0x2000), 11, { ioas: "ioas1" });
  assert.equal(
    [after.mapped, after.lastUnmappedBy?.type, after.lastUnmappedBy?.mappedBy?.version],
    [false, "IoasDestroyed", 10],
  );
});

test("changes and diff", async () => {
  const journal = await historyOfSteps(...STEPS);
  const around = changesAround(journal, "c", range(0x2000), 5);
  assert.equal([around.last?.version, around.next?.version], [4, 6]);
  assert.is(changesAround(journal, "c", range(0x9000), 11).last, null);
  assert.is(changesAround(journal, "c", range(0x2fff), 11).last?.type, "IoasDestroyed");
  const difference = diff(journal, "c", 4, 10);
  assert.equal(
    difference.added.map(({ ioas, iova }) => [ioas, iova]),
    [
      ["ioas0", "0x2000"],
      ["ioas1", "0x2000"],
    ],
  );
  assert.equal(
    difference.removed.map(({ iova }) => iova),
    ["0x1000"],
  );
  assert.is(diff(journal, "c", 9, 11).equal, true);
  assert.equal(
    diff(journal, "c", 1, 2).devices.added.map(({ device }) => device),
    ["0000:00:05.0"],
  );
});

test("mapped again as it was is no difference, mapped otherwise is a change", async () => {
  const journal = await historyOfSteps(
    { event: mapped(0, 0xfff) },
    { event: mapped(0x1000, 0x1fff, "r") },
    { event: unmapped(0, 0x1fff) },
    { event: mapped(0, 0xfff) },
    { event: mapped(0x1000, 0x1fff, "rw") },
  );
  const { remapped, changed, added, removed, equal } = diff(journal, "c", 2, 5);
  assert.equal([remapped, changed.length, added.length, removed.length, equal], [1, 1, 0, 0, false]);
  assert.equal([changed[0]?.before.prot, changed[0]?.after.prot], ["r", "rw"]);
});

test("compare counts pages across runs, superpages and overlapping dumps", async () => {
  const journal = await historyOfSteps(
    { event: mapped(0x20_0000, 0x5f_ffff, "unknown", { kind: "paddr", paddr: 0x4000_0000n }) },
    {
      event: mapped(0x80_0000, 0x80_1fff, "rw", {
        kind: "va",
        va: 0n,
        runs: [
          { iova: at(0x80_0000), paddr: 0x1000n, length: 0x1000n },
          { iova: at(0x80_1000), paddr: 0x9000n, length: 0x1000n },
        ],
      }),
    },
    { event: unmapped(0x20_0000, 0x20_0fff) },
  );
  const superpages = [
    { iova: 0x20_0000n, paddr: 0x4000_0000n, length: 0x20_0000n, prot: "rw" as const },
    { iova: 0x40_0000n, paddr: 0x4020_0000n, length: 0x20_0000n, prot: "rw" as const },
  ];
  const small = [
    { iova: 0x80_1000n, paddr: 0x9000n, length: 0x1000n, prot: "r" as const },
    { iova: 0x80_0000n, paddr: 0x1000n, length: 0x1000n, prot: "rw" as const },
  ];
  const answer = comparePages(journal.state("c"), [superpages, small, superpages]);
  assert.equal(answer.pages, { both: 1024, onlyHere: 0, onlyDump: 1, different: 1 });
  assert.equal(answer.first, [
    { iova: "0x200000", here: null, dump: { paddr: "0x40000000", prot: "rw" } },
    { iova: "0x801000", here: { paddr: "0x9000", prot: "rw" }, dump: { paddr: "0x9000", prot: "r" } },
  ]);
  assert.is(comparePages(journal.state("c"), []).pages.onlyHere, 1025);
});

test.run();
