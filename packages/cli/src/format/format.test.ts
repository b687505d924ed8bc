import type { Iova, Recorded } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { atText } from "./at-text.ts";
import { compareText } from "./compare-text.ts";
import { conformText } from "./conform-text.ts";
import { contextsText } from "./contexts-text.ts";
import { diffText } from "./diff-text.ts";
import { historyText } from "./history-text.ts";
import { importText } from "./import-text.ts";
import { logHeader, logLine } from "./log-text.ts";
import { table } from "./table.ts";
import { whoText } from "./who-text.ts";

const test = suite("Text for people");

const clock = { name: "trace", seconds: "4.878076" };
const actor = { comm: "vmm", pid: 7, tid: 8, cpu: null, flags: null };
const mark = { version: 3, time: null, clock, actor };
const area = {
  ioas: "ioas0",
  iova: "0x100000",
  last: "0x4ffffff",
  prot: "rw",
  source: { kind: "gpa", gpa: "0x7e000000" },
  version: 3,
} as const;
const small = { ...area, iova: "0x1000", last: "0x1fff", prot: "r", version: 12_345 } as const;
const digest = "ab".repeat(32);

test("columns are aligned, and one in which nothing stands is left out", () => {
  const columns = [{ head: "n", right: true }, { head: "nothing" }, { head: "name" }];
  assert.is(
    table(
      columns,
      [
        ["1", "", "a"],
        ["1,234", "", "bcd"],
      ],
      "  ",
    ),
    ["      n  name", "      1  a", "  1,234  bcd"].join("\n"),
  );
});

test("at: sizes beside hex, the version and the time, numbers under one another", () => {
  const text = atText({
    context: "guest",
    version: 3,
    time: null,
    clock,
    digest,
    spaceDigest: digest,
    spaces: [
      {
        ioas: "ioas0",
        kernelId: 2,
        alignment: "0x1000",
        ranges: [["0x0", "0xfedfffff"]],
        allowed: [],
        areas: [small, area],
      },
    ],
    devices: [{ device: "0000:00:05.0", pasid: null, ioas: "ioas0", hwpt: "hwpt0" }],
    notes: ["The recorder lost events once."],
  });
  assert.match(text, /^guest at version 3, 4\.878076 s \(trace\)\n/);
  assert.match(text, /ioas0 \(kernel id 2\): 2 mappings, 79\.0 MiB/);
  assert.match(text, /\n {4}0x1000 {5}0x1fff {3}4 KiB {2}r {5}gpa 0x7e000000 {4}12345\n/);
  assert.match(text, /\n {2}0x100000 {2}0x4ffffff {2}79 MiB {2}rw {4}gpa 0x7e000000 {8}3\n/);
  assert.match(text, /1 attached device\n {2}device {8}space {2}page table\n {2}0000:00:05\.0 {2}ioas0 {2}hwpt0/);
  assert.match(text, /not certain\n {2}- The recorder lost events once\.$/);
});

test("diff, history, who and compare", () => {
  const difference = diffText({
    context: "guest",
    from: 3,
    to: 9,
    fromEvent: mark,
    toEvent: { ...mark, version: 9, clock: null },
    equal: false,
    added: [small],
    removed: [],
    changed: [{ before: area, after: { ...area, prot: "r" } }],
    remapped: 1,
    devices: { added: [], removed: [] },
  });
  assert.match(
    difference,
    /from version 3, 4\.878076 s \(trace\) to version 9\n1 mapping added, 0 removed, 1 changed\n/,
  );
  assert.match(difference, /\n {2}\+ ioas0 +0x1000/);
  const row = {
    ...mark,
    type: "MapRefused",
    ioas: null,
    iova: "0x1000",
    last: null,
    prot: "r",
    errno: "EEXIST",
  } as const;
  assert.match(historyText([row]), /\n +3 {2}4\.878076 s {2}vmm-8 {2}MapRefused {2}0x1000 {2}r {5}EEXIST$/);
  assert.is(historyText([]), "nothing in this history touches the range");
  const found = whoText({
    context: "guest",
    version: 3,
    time: null,
    clock,
    iova: "0x1000",
    last: "0x1000",
    mapped: true,
    areas: [{ ...small, mappedBy: mark }],
    lastUnmappedBy: null,
    devices: [],
    neighbours: { below: null, above: area },
    notes: [],
  });
  assert.match(
    found,
    /^mapped: 0x1000 in guest at version 3, 4\.878076 s \(trace\)\n {2}ioas0 0x1000-0x1fff \(4 KiB\), rights r/,
  );
  assert.match(found, /mapped by vmm-8 at 4\.878076 s, version 3\n {2}below nothing is mapped\n {2}above ioas0/);
  const pages = { both: 4096, onlyHere: 1, onlyDump: 0, different: 0 };
  const compared = compareText({
    version: 3,
    equal: false,
    pages,
    first: [{ iova: "0x1000", here: { paddr: null, prot: "rw" }, dump: null }],
  });
  assert.match(compared, /^NOT equal at version 3: 4,096 pages \(16 MiB\) the same\n/);
  assert.match(compared, /0x1000 {2}address not told rw {2}not mapped$/);
});

test("log: one event a line", () => {
  const recorded = (event: Recorded["event"], errno: Recorded["errno"] = null): string =>
    logLine({
      version: 12,
      epoch: 1,
      stamp: { clock: "realtime", ticks: 1_700_000_000_250n, decimals: 3 },
      actor,
      errno,
      line: 1,
      event,
    });
  const iova = 0x1000n as Iova;
  const mapped = recorded({
    type: "IovaMapped",
    ioas: 0,
    iova,
    last: 0x2fffn as Iova,
    prot: "rw",
    source: { kind: "va", va: 0x7f00n },
  });
  assert.match(
    mapped,
    /^ {7}12 {2}2023-11-14T22:13:20\.250Z {2}vmm-8 +IovaMapped +ioas0 0x1000-0x2fff \(8 KiB\) rw, va 0x7f00$/,
  );
  assert.match(recorded({ type: "EventsLost", count: 3, what: "ring overrun" }), /count=3 what="ring overrun"$/);
  assert.match(recorded({ type: "IoasDestroyed", ioas: 1 }), /ioas=ioas1$/);
  assert.match(logHeader("guest"), /^guest\n {2}version {16}time {2}actor/);
});

test("import, contexts and conform", () => {
  const file = {
    file: "a.log",
    format: "qemu",
    lines: 2_000,
    recognised: 1_999,
    events: 10,
    known: 0,
    faults: 0,
    lost: 5,
    problems: [{ line: 7, reason: "it breaks off" }],
    problemsTotal: 1,
    unread: 0,
    contexts: ["a"],
  };
  const drift = [
    { context: "a", version: 4, file: "a.log", line: 9, rule: "overlap", expected: "EEXIST", observed: "success" },
  ];
  const text = importText({ files: [file], contexts: [{ context: "a", versions: 10 }], drift, driftTotal: 1 });
  assert.match(
    text,
    /^a\.log \(qemu\): 2,000 lines, 1,999 recognised; 10 events; 5 events lost by the recorder; 1 line not read\n {2}line 7: it breaks off\n/,
  );
  assert.match(
    text,
    /1 disagreement of the record with the model.*\n.*\n {2}a\.log:9 {2}a 4 {6}overlap {2}expected EEXIST; observed success$/,
  );
  assert.match(
    importText({ files: [{ ...file, events: 0, known: 10 }], contexts: [], drift: [], driftTotal: 0 }),
    /nothing new: already in the journal/,
  );
  const line = {
    context: "a",
    profile: "iommufd",
    versions: 46_911,
    epoch: 2,
    owner: "h-1",
    state: "owned",
    since: null,
    digest,
    spaceDigest: digest,
    branches: [],
  } as const;
  assert.match(contextsText([line]), /\na {8}iommufd {4}46,911 {6}2 {2}owned {2}h-1 +abababababab {2}abababababab$/);
  assert.match(contextsText([]), /no context yet/);
  const conform = {
    files: 1,
    steps: 9,
    agreed: 8,
    disagreed: [{ file: "v", i: 4, op: "map", field: "errno", expected: "EEXIST", got: undefined }],
    ignored: { access_rw: 3 },
    flagged: {},
  };
  assert.match(
    conformText(conform),
    /^1 disagreement: 1 file, 9 steps, 8 agreed\n\n.*\n {2}v {5}4 {5}map {8}errno {2}EEXIST {4}-\n/,
  );
  assert.match(conformText({ ...conform, disagreed: [] }), /every checked step agrees[\s\S]*access_rw {6}3$/);
});

test.run();
