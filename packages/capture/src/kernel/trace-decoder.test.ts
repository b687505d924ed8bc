import { AreaTable, type Fact } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Decoder } from "../decoder.ts";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { looksLikeFtrace, looksLikePerf, looksLikeTraceCmd } from "./looks-like.ts";
import { ftraceDecoder, perfDecoder, traceCmdDecoder } from "./trace-decoder.ts";

const HERE = "tests/recordings/kernel";
const TRUTH = "tests/recordings/truth";
const test = suite("kernel/trace");

type Row = readonly [file: string, make: () => Decoder, lines: number, counts: Record<string, number>];

/** Each recording: its lines, its facts; no line that cannot be read. */
const TABLE: readonly Row[] = [
  [`${HERE}/ftrace-other-variants.txt`, ftraceDecoder, 5, { IovaMapped: 3, IovaUnmapped: 2 }],
  [`${HERE}/crosslayer-2020-kernel.txt`, ftraceDecoder, 9, { IovaMapped: 9 }],
  [`${HERE}/layout-clock-boot.trace.txt`, ftraceDecoder, 20, { IovaMapped: 4, IovaUnmapped: 4 }],
  [`${HERE}/layout-clock-counter.trace.txt`, ftraceDecoder, 20, { IovaMapped: 4, IovaUnmapped: 4 }],
  [`${HERE}/layout-clock-mono.trace.txt`, ftraceDecoder, 20, { IovaMapped: 4, IovaUnmapped: 4 }],
  [`${HERE}/layout-clock-uptime.trace.txt`, ftraceDecoder, 20, { IovaMapped: 4, IovaUnmapped: 4 }],
  [`${HERE}/layout-noirqinfo.trace.txt`, ftraceDecoder, 26, { IovaMapped: 10, IovaUnmapped: 10 }],
  [`${HERE}/vfio-intel48.trace.txt.gz`, ftraceDecoder, 657, { DeviceAttached: 45, IovaMapped: 36, IovaUnmapped: 28 }],
  [
    `${HERE}/dma-e1000e-ring-overrun.trace.txt.gz`,
    ftraceDecoder,
    3392,
    // One for the overrun, one where the ring of the second CPU begins.
    { EventsLost: 2, IovaMapped: 961, IovaUnmapped: 2418 },
  ],
  [
    `${TRUTH}/one-device/trace-boot.txt.gz`,
    ftraceDecoder,
    5404,
    { BookmarkSet: 8, DeviceAttached: 6, IovaMapped: 2686, IovaUnmapped: 2685 },
  ],
  [
    `${TRUTH}/two-devices/trace-boot.txt.gz`,
    ftraceDecoder,
    6951,
    { BookmarkSet: 8, DeviceAttached: 7, IovaMapped: 3588, IovaUnmapped: 3329 },
  ],
  [`${HERE}/perf-script.head.txt.gz`, perfDecoder, 400, { DeviceAttached: 2, IovaMapped: 27, IovaUnmapped: 2 }],
  [`${HERE}/perf-script-F.head.txt.gz`, perfDecoder, 400, { DeviceAttached: 2, IovaMapped: 27, IovaUnmapped: 2 }],
  [`${HERE}/perf-script-ns.head.txt.gz`, perfDecoder, 400, { DeviceAttached: 2, IovaMapped: 38, IovaUnmapped: 2 }],
  [`${HERE}/perf-script-mono.head.txt.gz`, perfDecoder, 400, { IovaMapped: 13, IovaUnmapped: 2 }],
  [`${HERE}/trace-cmd-report.txt`, traceCmdDecoder, 21, { IovaMapped: 10, IovaUnmapped: 10 }],
  [`${HERE}/trace-cmd-report-raw.txt`, traceCmdDecoder, 21, { IovaMapped: 10, IovaUnmapped: 10 }],
];

/** In task order the counts of a table; keys of other contexts are not expected. */
function sorted(counts: Record<string, number>): [string, number][] {
  return Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1));
}

function only(facts: readonly Fact[]): Fact {
  assert.is(facts.length, 1);
  return facts[0] as Fact;
}

for (const [file, make, lines, counts] of TABLE) {
  test(file.slice("tests/recordings/".length), () => {
    const decoded = decode(make(), linesOf(file));
    assert.equal(decoded.problems, []);
    assert.is(decoded.lines, lines);
    assert.equal(sorted(countsOf(decoded.facts)), sorted(counts));
    assert.ok(decoded.facts.every(({ profile, context }) => profile === "kernel-trace" && context === ""));
  });
}

test("a fault after the unmap of its address: the times of all three, the direction, the line that is none", () => {
  const { facts, problems } = decode(ftraceDecoder(), linesOf(`${HERE}/ftrace-ath12k-use-after-unmap.txt`));
  assert.equal(problems, ["6: no record of a kernel trace"]);
  assert.equal(
    facts.map(({ stamp, event, line, actor }) => [stamp?.ticks, event, line, actor?.comm, actor?.tid, actor?.cpu]),
    [
      [
        4878076n,
        {
          type: "IovaMapped",
          ioas: null,
          iova: 0xfe980000n,
          last: 0xfe9fffffn,
          prot: "unknown",
          source: { kind: "paddr", paddr: 0x10ec80000n },
        },
        1,
        "(udev-worker)",
        532,
        10,
      ],
      [
        327747766n,
        { type: "IovaUnmapped", ioas: null, iova: 0xfe980000n, last: 0xfe9fffffn, bytes: 524288n },
        4,
        "kworker/u64:0",
        12,
        11,
      ],
      [
        327753942n,
        {
          type: "FaultReported",
          format: "io_page_fault",
          device: "0000:c2:00.0",
          pasid: null,
          iova: 0xfe980000n,
          access: "write",
          reason: "ath12k_pci",
        },
        5,
        "irq/26-AMD-Vi",
        154,
        6,
      ],
    ],
  );
  assert.ok(facts.every(({ stamp }) => stamp?.clock === "trace" && stamp.decimals === 6));
});

test("the marks of a run script are bookmarks", () => {
  const { facts } = decode(ftraceDecoder(), linesOf(`${TRUTH}/one-device/trace-boot.txt.gz`));
  const names = facts.flatMap(({ event }) => (event.type === "BookmarkSet" ? [event.name] : []));
  const ends = ["0-boot", "1-up", "2-traffic", "3-down"].flatMap((name) => [`${name} begin`, `${name} end`]);
  assert.equal(
    names,
    ends.map((name) => `ORACLE snapshot ${name}`),
  );
});

test("at each mark as many pages are mapped as the page tables then held", () => {
  const { facts } = decode(ftraceDecoder(), linesOf(`${TRUTH}/one-device/trace-boot.txt.gz`));
  const space = new AreaTable();
  const pages: bigint[] = [];
  for (const { event } of facts) {
    if (event.type === "IovaMapped") {
      assert.not(space.overlaps(event.iova, event.last));
      space.insert(event.iova, event.last, 0, 0n, -1, null, 0);
    } else if (event.type === "IovaUnmapped") assert.is(space.remove(event.iova, event.last), event.bytes);
    else if (event.type === "BookmarkSet") {
      pages.push([...space.all()].reduce((sum, { iova, last }) => sum + (last - iova + 1n) / 4096n, 0n));
    }
  }
  assert.equal(pages, [4096n, 4096n, 4354n, 4354n, 4444n, 4444n, 4096n, 4096n]);
});

test("equal actors are one object", () => {
  const { facts } = decode(ftraceDecoder(), linesOf(`${TRUTH}/one-device/trace-boot.txt.gz`));
  const actors = new Set(facts.map(({ actor }) => actor));
  assert.is(actors.size, new Set([...actors].map((actor) => JSON.stringify(actor))).size);
});

const BODY = "map: IOMMU: iova=0x0000000000001000 - 0x0000000000002000 paddr=0x0000000000009000 size=4096";

test("the columns before the stamp, old and new", () => {
  const actors: readonly [
    prefix: string,
    comm: string | null,
    pid: number | null,
    tid: number,
    flags: string | null,
  ][] = [
    ["         CPU 0/KVM-3046  [051] .... ", "CPU 0/KVM", null, 3046, "...."],
    ["  gem_exec_gttfil-1010    [004] .N...", "gem_exec_gttfil", null, 1010, ".N..."],
    ["            ping-61      [000] ", "ping", null, 61, null],
    ["        qemu-kvm-4575    [008] ....1..", "qemu-kvm", null, 4575, "....1.."],
    ["          a b-c-12      (   12) [001] d.h1.", "a b-c", 12, 12, "d.h1."],
    ["          <idle>-0       (-----) [001] d.h1.", "<idle>", null, 0, "d.h1."],
    ["           <...>-77      [001] (   70) d.h1", null, 70, 77, "d.h1"],
    ["   (sd-pam: 1: x)-9       [001] .....", "(sd-pam: 1: x)", null, 9, "....."],
  ];
  for (const [prefix, comm, pid, tid, flags] of actors) {
    const { facts, problems } = decode(ftraceDecoder(), [`${prefix}  63113.338894: ${BODY}`]);
    assert.equal(problems, [], prefix);
    const { actor, stamp } = only(facts);
    assert.equal([actor?.comm, actor?.pid, actor?.tid, actor?.flags], [comm, pid, tid, flags]);
    assert.is(stamp?.ticks, 63113338894n);
  }
});

test("stamps keep every digit: microseconds, nanoseconds, counters", () => {
  const stamps: readonly [string, bigint, number][] = [
    ["0.000001", 1n, 6],
    ["667.417461707", 667417461707n, 9],
    ["98765432.123456789", 98765432123456789n, 9],
    ["1795417284.764175123", 1795417284764175123n, 9],
    ["1556", 1556n, 0],
  ];
  for (const [text, ticks, decimals] of stamps) {
    const { facts } = decode(ftraceDecoder(), [`  ping-61 [000] ..... ${text}: ${BODY}`]);
    assert.equal(only(facts).stamp, { clock: "trace", ticks, decimals });
  }
});

test("perf names pid and tid, or the tid alone; cpu only where it prints one", () => {
  const both = decode(perfDecoder(), [`  CPU 0/KVM    3487/3490    [001]   667.417461:   iommu:${BODY}`]);
  assert.equal(only(both.facts).actor, { comm: "CPU 0/KVM", pid: 3487, tid: 3490, cpu: 1, flags: null });
  assert.is(only(both.facts).stamp?.clock, "perf");
  const one = decode(perfDecoder(), [`  oracle1    3487   667.417461707:   iommu:${BODY}`]);
  assert.equal(only(one.facts).actor, { comm: "oracle1", pid: null, tid: 3487, cpu: null, flags: null });
});

const at = (time: string, iova: string, paddr: string, prefix = "  qemu-7 [000] .....") =>
  `${prefix} ${time}: map: IOMMU: iova=0x${iova} paddr=0x${paddr} size=4096`;

test("map lines are one mapping only where everything speaks for it", () => {
  const first = at("1.000001", "1000", "9000");
  const cases: readonly [why: string, lines: readonly string[], runs: readonly number[]][] = [
    ["the next line goes on", [first, at("1.000004", "2000", "c000"), at("1.000009", "3000", "1000")], [3]],
    ["too late", [first, at("1.000007", "2000", "c000")], [1, 1]],
    ["a hole", [first, at("1.000002", "3000", "c000")], [1, 1]],
    ["adjacent pages would have been one run", [first, at("1.000002", "2000", "a000")], [1, 1]],
    ["another task", [first, at("1.000002", "2000", "c000", "  qemu-8 [000] .....")], [1, 1]],
    ["another cpu", [first, at("1.000002", "2000", "c000", "  qemu-7 [001] .....")], [1, 1]],
    ["in an interrupt", [first, at("1.000002", "2000", "c000", "  qemu-7 [000] ..s1.")], [1, 1]],
    [
      "another record between",
      [first, "  qemu-7 [000] ..... 1.000002: dma_alloc: x", at("1.000003", "2000", "c000")],
      [1, 1],
    ],
    ["a counter is no time", [at("1", "1000", "9000"), at("2", "2000", "c000")], [1, 1]],
  ];
  for (const [why, lines, runs] of cases) {
    const { facts } = decode(ftraceDecoder(), lines);
    const found = facts.map(({ event }) => (event.type === "IovaMapped" ? (event.source.runs?.length ?? 1) : 0));
    assert.equal(found, runs, why);
  }
  const [mapping] = decode(ftraceDecoder(), [first, at("1.000004", "2000", "c000")]).facts;
  assert.equal([mapping?.line, mapping?.stamp?.ticks], [1, 1000001n]);
});

test("what was unmapped counts, not what was asked for", () => {
  const { facts } = decode(ftraceDecoder(), [
    "  qemu-7 [000] ..... 1.000001: unmap: IOMMU: iova=0x0000000000000000 - 0x0000000000001000 size=4096 unmapped_size=8192",
    "  qemu-7 [000] ..... 1.000002: unmap: IOMMU: iova=0x0000000000004000 - 0x0000000000005000 size=4096 unmapped_size=0",
  ]);
  assert.equal(
    facts.map(({ event }) => event),
    [
      { type: "IovaUnmapped", ioas: null, iova: 0n, last: 0x1fffn, bytes: 8192n },
      { type: "IovaUnmapped", ioas: null, iova: 0x4000n, last: 0x4fffn, bytes: 0n },
    ],
  );
});

test("the top of the address space", () => {
  const top = "iova=0xfffffffffffff000 - 0x0000000000000000 paddr=0x0000000000009000 size=4096";
  const { facts, problems } = decode(ftraceDecoder(), [`  q-7 [000] ..... 1.000001: map: IOMMU: ${top}`]);
  assert.equal(problems, []);
  assert.equal(only(facts).event.type === "IovaMapped" && facts[0]?.event, {
    type: "IovaMapped",
    ioas: null,
    iova: 0xffff_ffff_ffff_f000n,
    last: 0xffff_ffff_ffff_ffffn,
    prot: "unknown",
    source: { kind: "paddr", paddr: 0x9000n },
  });
});

test("lost events and clock anchors are facts", () => {
  const ftrace = decode(ftraceDecoder(), [
    "# entries-in-buffer/entries-written: 3379/44172   #P:1",
    "CPU:1 [LOST 12 EVENTS]",
    "CPU:0 [LOST EVENTS]",
    "  sync-5 [001] ..... 414.633173: tracing_mark_write: ioasis_sync realtime=1795417269.5 mono=414.631 boot=414.632",
    "  sync-5 [001] ..... 415.000000: tracing_mark_write: ioasis_sync realtime=1795417270.5 boot=415.1",
  ]);
  assert.equal(
    ftrace.facts.map(({ event }) => event),
    [
      { type: "EventsLost", count: 40793, what: "ring buffer overrun before the first record" },
      { type: "EventsLost", count: 12, what: "trace events of CPU 1" },
      { type: "EventsLost", count: null, what: "trace events of CPU 0" },
      { type: "ClockAnchored", clock: "mono", seconds: "414.631", realtime: "1795417269.5" },
      { type: "ClockAnchored", clock: "boot", seconds: "415.1", realtime: "1795417270.5" },
    ],
  );
  const others = [
    ...decode(traceCmdDecoder(), ["cpus=2", "CPU:1 [7 EVENTS DROPPED]", "CPU:0 [EVENTS DROPPED]"]).facts,
    ...decode(perfDecoder(), ["  perf  12 [001]  3.000001: PERF_RECORD_LOST lost 9"]).facts,
  ];
  assert.equal(
    others.map(({ event }) => event.type === "EventsLost" && event.count),
    [7, null, 9],
  );
});

test("a broken line is named, and what stands around it stays", () => {
  const good = `  ping-61 [000] ..... 1.000001: ${BODY}`;
  const { facts, problems } = decode(ftraceDecoder(), [
    good,
    good.slice(0, -9),
    good.replace("- 0x0000000000002000", "- 0x0000000000003000"),
    "complete nonsense",
    "",
    "  ping-61 [000] ..... 1.000002: sched_switch: prev_comm=a",
    "  ping-61 [000] ..... 1.000002: map: a map of another subsystem",
    "  ping-61 [000] ..... 1.000003: io_page_fault: IOMMU:x",
    good,
  ]);
  assert.is(facts.length, 2);
  assert.equal(problems, [
    "2: an iommu:map record that cannot be read",
    "3: an iommu:map record that cannot be read",
    "4: no record of a kernel trace",
    "8: an iommu:io_page_fault record that cannot be read",
  ]);
});

test("what was said of a beginning stays, whatever follows", () => {
  for (const [file, make] of TABLE) {
    const lines = linesOf(file);
    const whole = decode(make(), lines).facts;
    for (const length of prefixLengths(lines.length)) {
      const { facts } = decode(make(), lines.slice(0, length), false);
      assert.is(written(facts), written(whole.slice(0, facts.length)), `${file}, ${length} lines`);
      assert.ok(facts.length + 1 >= decode(make(), lines.slice(0, length)).facts.length, "at most one mapping waits");
    }
  }
});

test("the three tools are told apart by any of their records", () => {
  const records = (file: string) => linesOf(file).filter((line) => !line.startsWith("#"));
  const ftrace = records(`${TRUTH}/one-device/trace-boot.txt.gz`).slice(0, 300);
  const perf = ["", "-F", "-ns", "-mono"].flatMap((kind) => records(`${HERE}/perf-script${kind}.head.txt.gz`));
  const raw = records(`${HERE}/trace-cmd-report-R.head.txt.gz`).concat(records(`${HERE}/trace-cmd-report-raw.txt`));
  const report = records(`${HERE}/trace-cmd-report.txt`).concat(records(`${HERE}/trace-cmd-report.head.txt.gz`));
  assert.ok(ftrace.every(looksLikeFtrace));
  assert.not(ftrace.some(looksLikePerf));
  assert.not(ftrace.some(looksLikeTraceCmd));
  assert.ok(perf.every(looksLikePerf));
  assert.not(perf.some(looksLikeFtrace));
  assert.not(perf.some(looksLikeTraceCmd));
  assert.ok(raw.every(looksLikeTraceCmd));
  assert.not(raw.some(looksLikePerf));
  // Only names longer than trace-cmd's 20 columns stand without padding, as in ftrace.
  assert.ok(report.filter((line) => !line.includes("attach_device_to_domain")).every(looksLikeTraceCmd));
  assert.ok(linesOf(`${HERE}/layout-noirqinfo.trace.txt`).some(looksLikeFtrace));
});

test.run();
