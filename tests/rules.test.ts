/** `ioasis rules` on recordings that break each kind of rule, and on one that breaks none. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ROOT, recordingFile, Workbench } from "./ioasis.ts";

const RULES = path.join(ROOT, "docs/examples/guest.rules");

interface Line {
  readonly rule: string;
  readonly version: number;
  readonly time: string | null;
  readonly clock: { readonly name: string; readonly seconds: string };
  readonly actor: { readonly comm: string };
  readonly detail: string;
}

const test = suite("rules");
const bench = new Workbench();
const clean = new Workbench();
test.before(() => {
  assert.is(
    bench.run("import", recordingFile("rules/violations.jsonl"), recordingFile("rules/second-context.jsonl")).status,
    0,
  );
  assert.is(clean.run("import", recordingFile("rules/clean.jsonl")).status, 0);
});
test.after(() => {
  bench.remove();
  clean.remove();
});

/** rule, version, seconds, actor, what the detail must say */
const EXPECTED: readonly (readonly [string, number, string, string, RegExp])[] = [
  [
    "no-alias",
    6,
    "2.1",
    "qemu",
    /0x8000-0x8fff of ioas1 maps file fd 9 of pid 41 0x2800-0x37ff, which 0x3800-0x47ff of ioas0 \(0000:01:00\.0\) maps since version 5/,
  ],
  ["not-reused", 8, "2.25", "qemu", /0x1000-0x1fff in ioas0 .* again 0\.05 s after version 7/],
  ["in-layout", 9, "2.5", "other", /0x100000-0x1fffff of it is outside/],
  ["only-qemu", 9, "2.5", "other", /other-41 mapped 0x100000-0x1fffff in ioas0/],
  ["little-memory", 9, "2.5", "other", /ioas0 .* has 1064960 bytes/],
  ["msi-reserved", 10, "2.6", "qemu", /0xfee00000-0xfeefffff in ioas0 .* no longer reserved: user/],
  ["no-msi-write", 11, "2.7", "qemu", /0xfee00000-0xfee00fff \(rw\) was mapped in ioas0 \(0000:01:00\.0\)/],
  ["few-mappings", 11, "2.7", "qemu", /ioas0 .* has 4 mappings/],
  ["no-refusal", 13, "3.1", "qemu", /the unmap of 4096 bytes at 0x0 in ioas0 was refused \(ENOENT\)/],
  ["few-refusals", 13, "3.1", "qemu", /one of 2 where 1 may be within 10 s/],
  ["one-space", 14, "4.0", "qemu", /0000:01:00\.0 was attached to ioas1 while it is attached to ioas0 since version 4/],
  ["our-device", 15, "4.1", "qemu", /0000:02:00\.0 was attached to ioas1: only 0000:01:00\.\* may be/],
  ["no-fault", 16, "5.0", "kworker", /0000:01:00\.0 faulted at 0x500000 in ioas0 \(write\): not present/],
  ["not-old", 17, "70.0", "qemu", /0x1000-0x4fff in ioas0 .* since version 5 by qemu-41/],
  ["not-old", 17, "70.0", "qemu", /since version 8/],
  ["not-old", 17, "70.0", "qemu", /since version 11/],
  ["empty-detached", 18, "71.0", "qemu", /0000:01:00\.0 was detached from ioas0 with 4 mappings/],
  ["empty-detached", 20, "72.1", "qemu", /0000:02:00\.0 was detached from ioas1 with 2 mappings/],
  ["empty-destroyed", 21, "73.0", "qemu", /ioas0 was destroyed with 4 mappings/],
  [
    "one-guest",
    2,
    "3.0",
    "vmm",
    /second-context: 0000:01:00\.0 was attached in second-context while it was attached in violations since version 4/,
  ],
];

const key = (rule: string, version: number): string => `${rule} ${version}`;

test("a recording breaks every rule of the example, at the right version, time and by the right actor", () => {
  const lines = bench.lines<Line>("rules", RULES);
  assert.equal(
    lines.map(({ rule, version }) => key(rule, version)).toSorted(),
    EXPECTED.map(([rule, version]) => key(rule, version)).toSorted(),
  );
  for (const [rule, version, seconds, comm, detail] of EXPECTED) {
    const found = lines.find((line) => line.rule === rule && line.version === version && detail.test(line.detail));
    assert.ok(
      found,
      `${rule} ${version}: no detail is like ${detail}: ${JSON.stringify(lines.filter((line) => line.rule === rule))}`,
    );
    assert.equal(Object.keys(found), ["rule", "version", "time", "clock", "actor", "detail"]);
    assert.equal(found.clock, { name: "mono", seconds });
    assert.is(found.actor.comm, comm);
  }
});

test("exit 1 with violations; text says the same", () => {
  const { status, out } = bench.run("rules", RULES);
  assert.is(status, 1);
  assert.is(out.trimEnd().split("\n").length, EXPECTED.length);
  assert.match(out, /^no-alias: violations, version 6, 2\.1 s \(mono\), qemu-41: /m);
});

test("each rule of the example alone says what it says among the others", () => {
  const text = readFileSync(RULES, "utf8").split("\n");
  const ranges = text.filter((line) => line.startsWith("range"));
  for (const line of text.filter((each) => /^[a-z-]+:/.test(each))) {
    const file = path.join(bench.folder, "one.rules");
    writeFileSync(file, [...ranges, line].join("\n"));
    const name = line.slice(0, line.indexOf(":"));
    const versions = bench.lines<Line>("rules", file).map(({ version }) => version);
    assert.equal(
      versions,
      EXPECTED.filter(([rule]) => rule === name).map(([, version]) => version),
    );
  }
});

test("a clean recording: nothing, exit 0", () => {
  const { status, out, err } = clean.run("rules", RULES, "--json");
  assert.equal([status, out, err], [0, "", ""]);
});

test("--from and --to narrow what is told, not what counts", () => {
  const told = bench.lines<Line>("rules", RULES, "--context", "violations", "--from", "17", "--to", "17");
  assert.equal(
    told.map(({ rule }) => rule),
    ["not-old", "not-old", "not-old"],
  );
});

test("a mistake in the file: exit 2, with file, line, column and remedy", () => {
  const file = path.join(bench.folder, "bad.rules");
  writeFileSync(file, "# ours\nforbid writeable map\n");
  const { status, out, err } = bench.run("rules", file, "--json");
  assert.is(status, 2);
  assert.match(err, /bad\.rules: line 2, column 8: .*did you mean "writable"\?/);
  assert.equal(JSON.parse(out).error.at, { file, line: 2, column: 8 });
});

test("a layout that ioasis layout printed, beside the rules that name it", () => {
  const folder = path.join(bench.folder, "guest");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "pc.json"), bench.run("layout", "--machine", "pc", "--memory", "1", "--json").out);
  const file = path.join(folder, "layout.rules");
  writeFileSync(file, "in-guest: allow map in layout pc.json\nnot-in-guest: forbid map in layout pc.json\n");
  const told = bench.lines<Line>("rules", file, "--context", "violations");
  const versions = (of: string): number[] => told.filter(({ rule }) => rule === of).map(({ version }) => version);
  // Version 9 lies in the PCI hole, where peer-to-peer maps may be.
  assert.equal(versions("in-guest"), [11]);
  assert.equal(versions("not-in-guest"), [5, 6, 8, 9, 17]);
  assert.match(told.find(({ version }) => version === 11)?.detail ?? "", /0xfee00000-0xfee00fff of it is outside/);
});

test("a layout that is not there or is none: exit 2, with the line that names it", () => {
  const file = path.join(bench.folder, "layout.rules");
  writeFileSync(file, "forbid fault\nrange guest = layout none.json\n");
  const absent = bench.run("rules", file);
  assert.is(absent.status, 2);
  assert.match(absent.err, /layout\.rules: line 2: .*none\.json/);
  writeFileSync(path.join(bench.folder, "none.json"), "[]");
  assert.match(
    bench.run("rules", file).err,
    /layout\.rules: line 2: .*none\.json: not a layout: the layout is not an object/,
  );
});

test("what cannot be judged is a note and no violation", () => {
  const file = path.join(bench.folder, "timeless.jsonl");
  const event = {
    type: "IovaMapped",
    ioas: "ioas0",
    iova: "0x0",
    last: "0xfff",
    prot: "unknown",
    source: { kind: "unknown" },
  };
  writeFileSync(
    file,
    `${JSON.stringify({ version: 1, epoch: 1, time: null, clock: null, actor: null, errno: null, event })}\n`,
  );
  const timeless = new Workbench();
  timeless.run("import", file);
  const rules = path.join(bench.folder, "notes.rules");
  writeFileSync(rules, "limit age 1 s\nforbid writable map\nallow map by qemu\nforbid alias across spaces\n");
  const { status, out, err } = timeless.run("rules", rules, "--json");
  assert.equal([status, out], [0, ""]);
  assert.is(err.trimEnd().split("\n").length, 6);
  assert.match(
    err,
    /rule "limit age 1 s" cannot be judged everywhere: what ioas0 had mapped before the recording began/,
  );
  assert.match(err, /rule "limit age 1 s" cannot be judged everywhere: some mappings have no time/);
  timeless.remove();
});

test.run();
