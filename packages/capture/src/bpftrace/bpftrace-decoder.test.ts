import type { Fact } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { kprobeDecoder } from "../kernel/trace-decoder.ts";
import { countsOf, type Decoded, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { contradictions, ORACLE1, trueCalls, wordOfFact } from "../testing/type1-truth.ts";
import { bpftraceDecoder, looksLikeBpftrace } from "./bpftrace-decoder.ts";
import { mergeBpftrace } from "./merge-bpftrace.ts";

const HERE = "tests/recordings/bpftrace";
const QEMU = ["pc-e1000e-256m", "q35-edu-64m", "q35-edu-96m", "q35-two-devs-128m"] as const;
const test = suite("bpftrace");

const joined = (): Decoded =>
  decode(
    bpftraceDecoder(),
    mergeBpftrace([linesOf(`${HERE}/oracle1-iommu-rec.jsonl.gz`), linesOf(`${HERE}/oracle1-iommu-iommu.jsonl.gz`)]).map(
      ({ text }) => text,
    ),
  );

/** Counts whatever the container, and whether any fact is of the whole kernel. */
function kinds(facts: readonly Fact[]): Record<string, number> {
  return countsOf(facts.map((fact) => ({ ...fact, context: fact.context === "" ? "kernel" : "" })));
}

test("the driver's own record of the run: every map and unmap, its size, its errno", () => {
  const { facts, problems, lines } = decode(bpftraceDecoder(), linesOf(`${HERE}/oracle1-rec.jsonl.gz`));
  assert.equal(problems, []);
  assert.is(lines, 772);
  const pids = [...new Set(facts.map(({ actor }) => actor?.pid ?? 0))].filter((pid) => pid > 0);
  assert.is(pids.length, ORACLE1.length);
  let calls = 0;
  for (const [index, name] of ORACLE1.entries()) {
    const mine = facts.filter(({ actor }) => actor?.pid === pids[index]).map(wordOfFact);
    const truth = trueCalls(name).map(({ word, reached }) => (reached ? word : "other EINVAL"));
    assert.equal(
      mine.filter((word) => word !== null),
      truth,
      name,
    );
    calls += truth.length;
  }
  // 538 calls; 8 of them exchange a user address and change no mapping.
  assert.is(calls, 530);
});

test("the same run by the same calls as the kprobe trace saw it", () => {
  const words = (facts: readonly Fact[]) => facts.map(wordOfFact).filter((word) => word?.startsWith("other") === false);
  const seen = decode(bpftraceDecoder(), linesOf(`${HERE}/oracle1-rec.jsonl.gz`));
  const traced = decode(kprobeDecoder(), linesOf("tests/recordings/kernel/oracle1-trace.txt.gz"));
  assert.equal(words(seen.facts), words(traced.facts.filter(({ context }) => context !== "")));
});

test("the page-table lines of the second recorder are the runs of the calls they fell into", () => {
  const { facts, problems } = joined();
  assert.equal(problems, []);
  assert.equal(kinds(facts), {
    ClockAnchored: 33,
    IoasAllocated: 32,
    IoasDestroyed: 32,
    DeviceAttached: 10,
    DeviceDetached: 10,
    IovaMapped: 64,
    IovaUnmapped: 23,
    "MapRefused EINVAL": 2,
    "MapRefused EEXIST": 4,
    "MapRefused EFAULT": 2,
    "MapRefused ENOSPC": 10,
    "UnmapRefused EINVAL": 9,
    DirtyTrackingStarted: 1,
    "CallRefused EINVAL": 24,
    "CallRefused EACCES": 3,
    "CallRefused EBUSY": 6,
    "CallRefused ENODEV": 10,
  });
  let runs = 0;
  for (const { event } of facts) {
    if (event.type !== "IovaMapped") continue;
    const lengths = (event.source.runs ?? []).reduce((sum, { length }) => sum + length, 0n);
    assert.is(lengths, event.last - event.iova + 1n);
    runs += event.source.runs?.length ?? 0;
  }
  // 14 799 map lines; 32 of them are the test of a new domain inside SET_IOMMU.
  assert.is(runs, 14_767);
  assert.equal(contradictions(facts), []);
});

test("alone, the second recording is a trace of the whole kernel", () => {
  const { facts, problems, lines } = decode(bpftraceDecoder(), linesOf(`${HERE}/oracle1-iommu-iommu.jsonl.gz`));
  assert.equal(problems, []);
  assert.is(lines, 29_772);
  assert.equal(kinds(facts), { "kernel IovaMapped": 323, "kernel IovaUnmapped": 14_831 });
});

test("lines that were lost are gaps in the history", () => {
  const { facts, problems } = decode(bpftraceDecoder(), linesOf(`${HERE}/oracle1-iommu-lossy.jsonl.gz`));
  assert.equal(problems, []);
  const lost = facts.flatMap(({ event, line }) => (event.type === "EventsLost" ? [[line, event.count]] : []));
  assert.equal(
    lost.map(([, count]) => count),
    [12, 91, 1054, 395],
  );
});

test("QEMU's nested guests, call for call as the kprobe trace of the same run", () => {
  const words = ({ facts }: Decoded) =>
    facts.filter(({ context }) => context !== "").flatMap((fact) => wordOfFact(fact) ?? []);
  let calls = 0;
  for (const name of QEMU) {
    const seen = decode(bpftraceDecoder(), linesOf(`${HERE}/qemu-${name}-legacy.rec.jsonl`));
    const traced = decode(kprobeDecoder(), linesOf(`tests/recordings/kernel/qemu-${name}-legacy.trace.txt.gz`));
    assert.equal(seen.problems, []);
    assert.equal(words(seen), words(traced), name);
    calls += words(seen).length;
  }
  assert.is(calls, 138);
});

test("clock anchors alone are facts too", () => {
  const { facts } = decode(bpftraceDecoder(), linesOf(`${HERE}/oracle1-anchor.jsonl`));
  assert.equal(
    facts.map(({ context, event, stamp }) => [context, event, stamp?.ticks]),
    [
      [
        "",
        { type: "ClockAnchored", clock: "mono", seconds: "430.291800334", realtime: "1795417285.188175293" },
        430291800334n,
      ],
      [
        "",
        { type: "ClockAnchored", clock: "mono", seconds: "441.401518749", realtime: "1795417296.297894009" },
        441401518749n,
      ],
    ],
  );
});

test("what was said of a beginning stays, whatever follows", () => {
  const merged = mergeBpftrace([
    linesOf(`${HERE}/oracle1-iommu-rec.jsonl.gz`),
    linesOf(`${HERE}/oracle1-iommu-iommu.jsonl.gz`),
  ]).map(({ text }) => text);
  for (const lines of [linesOf(`${HERE}/oracle1-rec.jsonl.gz`), merged.slice(0, 6000)]) {
    const whole = decode(bpftraceDecoder(), lines).facts;
    for (const length of prefixLengths(lines.length)) {
      const { facts } = decode(bpftraceDecoder(), lines.slice(0, length), false);
      assert.is(written(facts), written(whole.slice(0, facts.length)), `${length} lines`);
    }
  }
});

const call = (t: number, file: string, fn: string, cmd: number, rest: string, ret = 0, fd = 5, comm = "q") =>
  `{"ev":"ioctl","t":${t},"d":50,"pid":9,"tid":9,"comm":"${comm}","fd":${fd},"fn":"${fn}","file":"${file}","cmd":"0x${cmd.toString(16)}","arg":"0x0","ret":${ret}${rest}}`;

test("an iommufd's life: spaces, page tables, devices by their ids", () => {
  const io = (t: number, cmd: number, rest: string, ret = 0) => call(t, "0xff05", "iommu", cmd, rest, ret);
  const device = (t: number, cmd: number, words: string) => call(t, "0xff09", "vfio3", cmd, `,"w":[${words}]`, 0, 6);
  const { facts, problems } = decode(bpftraceDecoder(), [
    device(100, 0x3b76, "16,0,5,1"),
    io(200, 0x3b81, ',"w":[12,0,2,0]'),
    io(300, 0x3b89, ',"flags":2,"dev":1,"pt":2,"out":3'),
    device(400, 0x3b77, "12,0,3,0"),
    io(500, 0x3b85, ',"flags":7,"ioas":2,"va":"0x7000","len":"0x1000","req_iova":"0x4000","iova":"0x4000"'),
    io(600, 0x3b8f, ',"flags":6,"ioas":2,"mfd":8,"start":"0x0","len":"0x1000","req_iova":"0x0","iova":"0x9000"'),
    io(
      700,
      0x3b83,
      ',"flags":4,"dst":2,"src":2,"len":"0x1000","req_iova":"0x0","dst_iova":"0xa000","src_iova":"0x4000"',
    ),
    io(800, 0x3b85, ',"flags":6,"ioas":2,"va":"0x7000","len":"0x1000","req_iova":"0x4000","iova":"0x4000"', -28),
    io(900, 0x3b86, ',"ioas":2,"iova":"0x4000","req_len":"0x1000","len":"0x1000"'),
    io(1000, 0x3b86, ',"ioas":2,"iova":"0x4000","req_len":"0x1000","len":"0x1000"', -2),
    io(1100, 0x3b80, ',"w":[8,2,0,0]', -16),
    device(1200, 0x3b78, "8,0,0,0"),
    io(1300, 0x3b80, ',"w":[8,3,0,0]'),
    '{"ev":"release","what":"device","t":1400,"pid":9,"tid":9,"comm":"q","file":"0xff09"}',
    '{"ev":"release","what":"iommufd","t":1500,"pid":9,"tid":9,"comm":"q","file":"0xff05"}',
  ]);
  assert.equal(problems, []);
  assert.ok(facts.every(({ context, profile }) => context === "iommufd=0xff05" && profile === "iommufd"));
  const told = facts.map(({ event, errno }) => {
    switch (event.type) {
      case "DeviceAttached":
        return `${event.type} ${event.device} ${event.ioas} ${event.hwpt}`;
      case "IovaMapped":
        return `${event.type} ${event.ioas} ${event.iova.toString(16)} ${event.prot} ${event.source.kind}`;
      case "MapRefused":
        return `${event.type} ${event.iova} ${errno}`;
      default:
        return errno === null ? event.type : `${event.type} ${errno}`;
    }
  });
  assert.equal(told, [
    "DeviceBound",
    "IoasAllocated",
    "HwptAllocated",
    "DeviceAttached vfio3 null 3",
    "IovaMapped 2 4000 rw va",
    "IovaMapped 2 9000 rw file",
    "IovaMapped 2 a000 r unknown",
    "MapRefused null ENOSPC",
    "IovaUnmapped",
    "UnmapRefused ENOENT",
    "CallRefused EBUSY",
    "DeviceDetached",
    "HwptDestroyed",
    "DeviceUnbound",
    "IoasDestroyed",
  ]);
});

test("a number means a call only on the file it belongs to", () => {
  const pciReset = call(
    100,
    "0xff01",
    "[vfio-device]",
    0x3b71,
    ',"argsz":32,"flags":3,"va":"0x1","iova":"0x0","size":"0x1000"',
  );
  const { facts, problems } = decode(bpftraceDecoder(), [pciReset]);
  assert.equal([facts, problems], [[], []]);
});

test("type1 v1 without page-table lines: a mapping that the unmap begins to cover goes whole", () => {
  const on = (t: number, cmd: number, rest: string) =>
    call(t, "0xff01", "vfio", cmd, rest).replace('"arg":"0x0"', '"arg":"0x1"');
  const { facts } = decode(bpftraceDecoder(), [
    on(100, 0x3b66, ""),
    on(200, 0x3b71, ',"argsz":32,"flags":3,"va":"0x7000","iova":"0x3000","size":"0x4000"'),
    on(300, 0x3b72, ',"argsz":24,"flags":0,"iova":"0x0","req_size":"0x5000","size":"0x4000"'),
  ]);
  const last = facts.at(-1)?.event;
  assert.equal(last?.type === "IovaUnmapped" && [last.iova, last.last, last.bytes], [0n, 0x6fffn, 0x4000n]);
});

test("a task's name may hold anything", () => {
  const release = (comm: string) =>
    `{"ev":"release","what":"group","t":1,"pid":9,"tid":9,"comm":"${comm}","file":"0x1"}`;
  for (const comm of ['a"b', "a\\nb", 'a","fd":', "\\"]) {
    const line = call(100, "0xff01", "vfio", 0x3b66, "", 0, 5, comm).replace('"arg":"0x0"', '"arg":"0x3"');
    const { facts, problems } = decode(bpftraceDecoder(), [line, release(comm)]);
    if (comm.includes('","fd":')) assert.is(problems.length, 2);
    else assert.equal([facts[0]?.actor?.comm, problems], [comm, []]);
  }
});

test("times keep every digit after 104 days of uptime", () => {
  const line = call(100, "0xff01", "vfio", 0x3b66, "")
    .replace('"t":100', '"t":9007199254740993')
    .replace('"arg":"0x0"', '"arg":"0x3"');
  assert.is(decode(bpftraceDecoder(), [line]).facts[0]?.stamp?.ticks, 9007199254740993n);
});

test("a broken line is named", () => {
  const { facts, problems } = decode(bpftraceDecoder(), [
    "Attaching 12 probes...",
    '{"ev":"ioctl","t":1',
    '{"ev":"ioctl","t":1}',
    '{"ev":"strange"}',
    "stdin:3:1-5: WARNING: something",
    "",
  ]);
  assert.equal(facts, []);
  assert.equal(problems, [
    "2: no JSON object",
    "3: an ioctl record that lacks a field",
    "4: a JSON object of another kind",
    "5: no JSON line of a bpftrace recorder",
  ]);
});

test("its lines are told from other JSON", () => {
  const lines = linesOf(`${HERE}/oracle1-rec.jsonl.gz`).filter((line) => line !== "");
  assert.ok(lines.every(looksLikeBpftrace));
  assert.not(looksLikeBpftrace('{"meta":{"name":"x"}}'));
});

test.run();
