/** Answers from journals of real recordings, from the file to the text. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { decoderOf, FaultScanner, type FormatName, Line, parsePageTableDump } from "@ioasis/capture";
import { IoasisError } from "@ioasis/core";
import {
  changesAround,
  clocksOf,
  comparePages,
  diff,
  type Explanation,
  explainFault,
  historyOf,
  logOf,
  parseIovaRange,
  stateAt,
  versionAt,
  who,
} from "@ioasis/history";
import { FactRecorder, type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainText } from "../packages/cli/src/format/explain-text.ts";

const test = suite("History of real recordings");

const RECORDINGS = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings");

function textOf(name: string): string {
  const bytes = readFileSync(path.join(RECORDINGS, name));
  return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1");
}

async function imported(name: string, format: FormatName, head = Number.POSITIVE_INFINITY): Promise<Journal> {
  const journal = openMemoryJournal();
  const recorder = new FactRecorder(journal, {
    id: name,
    file: name,
    format,
    nameOf: (_, ordinal) => (ordinal === 1 ? "c" : `c#${ordinal}`),
    known: () => 0,
    refsAreHandles: false,
    onDrift: () => undefined,
    onProblem: () => undefined,
  });
  const decoder = decoderOf(format);
  const sink = { fact: recorder.fact.bind(recorder), problem: () => undefined };
  const lines = textOf(name).split("\n").slice(0, head);
  for (const [index, line] of lines.entries()) {
    decoder.line(Line.of(line, index + 1), sink);
    if ((index & 4095) === 0) await recorder.flush(index, "");
  }
  decoder.end(sink);
  await recorder.finish(0, "");
  return journal;
}

function explained(journal: Journal, text: string): Explanation[] {
  const scanner = new FaultScanner();
  const faults = text.split("\n").flatMap((line, index) => scanner.line(line, index + 1));
  const clocks = clocksOf(journal, "c");
  return [...faults, ...scanner.end()].map((fault) => explainFault(journal, "c", fault, { clocks }));
}

test("ath12k: the device wrote 6 ms after its buffer was unmapped", async () => {
  const name = "samples/ftrace-ath12k-use-after-unmap.txt";
  const [answer, ...others] = explained(await imported(name, "ftrace"), textOf(name));
  if (answer === undefined) throw new Error("no fault was found");
  assert.is(others.length, 0);
  assert.is(answer.verdict, "use-after-unmap");
  assert.is(answer.mappedAt?.clock?.seconds, "4.878076");
  assert.is(answer.unmappedAt?.clock?.seconds, "327.747766");
  assert.is(answer.gapSeconds, 0.006176);
  assert.is(answer.fault.access, "write");
  assert.is(answer.fault.clock?.seconds, "327.753942");
  assert.is(answer.by?.comm, "kworker/u64:0");
  assert.equal([answer.area?.iova, answer.area?.last], ["0xfe980000", "0xfe9fffff"]);
  const text = explainText(answer);
  assert.match(text, /^fault: device 0000:c2:00\.0 wrote to 0xfe980000 at 327\.753942 s/);
  assert.match(text, /0xfe980000-0xfe9fffff \(512 KiB\)/);
  assert.match(text, /0\.006176 s/);
  for (const line of text.split("\n").slice(1)) assert.match(line, /^ /);
});

test("vfio-intel48: every fault of the kernel log, by the trace of the same boot", async () => {
  const journal = await imported("kernel/vfio-intel48.trace.txt.gz", "ftrace");
  const answers = explained(journal, textOf("history/vfio-intel48.dmesg-iommu.txt"));
  const told = answers.map(({ fault, verdict, mappedAt, unmappedAt, gapSeconds }) =>
    [
      fault.clock?.seconds,
      fault.iova,
      fault.access,
      verdict,
      mappedAt?.clock?.seconds,
      unmappedAt?.clock?.seconds,
      gapSeconds,
    ].join(" "),
  );
  assert.equal(told, [
    "4.286880 0x300000 write mapped 4.067921  ",
    "4.689313 0x200000 write use-after-unmap 4.067870 4.673164 0.016149",
    "4.790300 0x500000 read never-mapped   ",
    "11.272019 0x300000 write mapped 5.653606  ",
    "16.974456 0x500000 read never-mapped   ",
    "17.076302 0x501000 write never-mapped   ",
    "22.678322 0x101000 write never-mapped   ",
    "22.779372 0xabcd000 write never-mapped   ",
    "28.381389 0x100000 write use-after-unmap 5.653486 28.365162 0.016227",
    "28.483468 0x100000 read use-after-unmap 5.653486 28.365162 0.118306",
    "34.086485 0x300000 write not-attached 5.653606 34.070005 0.01648",
    "35.598806 0x101000 write never-mapped   ",
  ]);
});

const DUMPS = {
  "0-boot": 4096,
  "1-up": 4354,
  "2-traffic": 4444,
  "3-down": 4096,
};

test("one-device: the state at each mark is what the IOMMU's own page tables hold", async () => {
  const journal = await imported("truth/one-device/trace-boot.txt.gz", "ftrace");
  const isa = parsePageTableDump(textOf("truth/one-device/pt-0-boot-0000_00_1f.0.txt.gz")).pages;
  for (const [mark, pages] of Object.entries(DUMPS)) {
    const own = parsePageTableDump(textOf(`truth/one-device/pt-${mark}-0000_00_06.0.txt.gz`)).pages;
    const version = versionAt(journal, "c", `ORACLE snapshot ${mark} begin`);
    const answer = comparePages(journal.state("c", version), [own, isa]);
    assert.equal(
      answer,
      { equal: true, pages: { both: pages, onlyHere: 0, onlyDump: 0, different: 0 }, first: [] },
      mark,
    );
  }
  const traffic = journal.state("c", versionAt(journal, "c", "ORACLE snapshot 2-traffic begin"));
  const without = comparePages(traffic, [isa]);
  assert.is(without.equal, false);
  assert.equal(without.pages, { both: 4096, onlyHere: 348, onlyDump: 0, different: 0 });
  assert.is(without.first.length, 10);
  const moved = comparePages(traffic, [isa.map((page) => ({ ...page, paddr: page.paddr + 0x1000n }))]);
  assert.is(moved.pages.different, 4096);
});

test("one-device: questions about the same moments agree with each other", async () => {
  const journal = await imported("truth/one-device/trace-boot.txt.gz", "ftrace");
  const from = versionAt(journal, "c", "ORACLE snapshot 1-up begin");
  const to = versionAt(journal, "c", "ORACLE snapshot 2-traffic begin");
  const before = stateAt(journal, "c", from);
  const after = stateAt(journal, "c", to);
  const difference = diff(journal, "c", from, to);
  const count = ({ spaces }: typeof before): number => spaces.reduce((sum, { areas }) => sum + areas.length, 0);
  assert.is(count(after), count(before) + difference.added.length - difference.removed.length);
  assert.is(difference.equal, false);
  assert.is(diff(journal, "c", from, from).equal, true);
  for (const area of difference.added.slice(0, 20)) {
    const range = parseIovaRange(`${area.iova}-${area.last}`, "RANGE");
    const found = who(journal, "c", range, to);
    assert.is(found.mapped, true);
    assert.is(found.areas[0]?.mappedBy.version, area.version);
    assert.is(changesAround(journal, "c", range, to).last?.version, area.version);
    const rows = [...historyOf(journal, "c", range)].filter(({ version }) => version <= to);
    assert.is(rows.at(-1)?.version, area.version);
    assert.is(rows.at(-1)?.type, "IovaMapped");
    assert.is([...logOf(journal, "c", { range, to })].length, rows.length);
  }
});

test("moments that are not there are refused with what is possible", async () => {
  const journal = await imported("samples/ftrace-ath12k-use-after-unmap.txt", "ftrace");
  const refused = (spec: string): IoasisError => {
    try {
      versionAt(journal, "c", spec);
    } catch (error) {
      if (error instanceof IoasisError) return error;
    }
    throw new Error(`${spec} was accepted`);
  };
  const head = journal.context("c")?.head.version ?? 0;
  assert.is(versionAt(journal, "c", undefined), head);
  assert.is(versionAt(journal, "c", "@327.747765"), 1);
  assert.is(versionAt(journal, "c", "@trace:327.747766"), 2);
  assert.is(versionAt(journal, "c", "@1"), 0);
  assert.is(refused("99").code, "ERR_VERSION");
  assert.match(refused("99").message, new RegExp(`0 \\.\\.\\. ${head}`));
  assert.is(refused("-1").code, "ERR_VERSION");
  assert.match(refused("@mono:1").message, /its clocks are trace/);
  assert.match(refused("@2026-01-01T00:00:00Z").message, /no wall-clock time/);
  assert.match(refused("@yesterday").message, /no time; write/);
  assert.match(refused("lunch").message, /no bookmark/);
});

test.run();
