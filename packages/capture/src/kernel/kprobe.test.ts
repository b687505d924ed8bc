import type { Fact } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countsOf, decode, linesOf, prefixLengths, written } from "../testing/decoded-recording.ts";
import { contradictions, ORACLE1, trueCalls, wordOfFact } from "../testing/type1-truth.ts";
import { looksLikeFtrace, looksLikeKprobe } from "./looks-like.ts";
import { kprobeDecoder, traceCmdDecoder } from "./trace-decoder.ts";

const ORACLE1_TRACE = "tests/recordings/kernel/oracle1-trace.txt.gz";
const QEMU = ["pc-e1000e-256m", "q35-edu-64m", "q35-edu-96m", "q35-two-devs-128m"] as const;
const test = suite("kernel/kprobe");

function runBytes({ event }: Fact): bigint {
  const runs = event.type === "IovaMapped" ? (event.source.runs ?? []) : [];
  return runs.reduce((sum, run) => sum + run.length, 0n);
}

test("the driver's own record of the run: every map and unmap, its size, its errno", () => {
  const { facts, problems } = decode(kprobeDecoder(), linesOf(ORACLE1_TRACE));
  assert.equal(problems, []);
  const tids = [...new Set(facts.filter((fact) => fact.context !== "").map((fact) => fact.actor?.tid))].filter(
    (tid) => tid !== 2156 && tid !== 2200,
  );
  assert.is(tids.length, ORACLE1.length);
  let calls = 0;
  for (const [index, name] of ORACLE1.entries()) {
    const mine = facts.filter((fact) => fact.actor?.tid === tids[index]).map(wordOfFact);
    const truth = trueCalls(name).filter((call) => call.reached);
    assert.equal(
      mine.filter((word) => word !== null),
      truth.map((call) => call.word),
      name,
    );
    calls += truth.length;
  }
  // 530 calls; 8 of them exchange a user address and change no mapping.
  assert.is(calls, 522);
});

test("the fold of what was seen holds exactly what the kernel says it removed, and nothing at the end", () => {
  const { facts } = decode(kprobeDecoder(), linesOf(ORACLE1_TRACE));
  assert.equal(contradictions(facts), []);
  const all = Object.entries(countsOf(facts.map((fact) => ({ ...fact, context: fact.context === "" ? "" : "call" }))));
  assert.equal(Object.fromEntries(all), {
    ClockAnchored: 4,
    DeviceAttached: 78,
    "call ClockAnchored": 24,
    "call IoasAllocated": 24,
    "call DeviceAttached": 26,
    "call DeviceDetached": 26,
    "call IoasDestroyed": 24,
    "call IovaMapped": 193,
    "call IovaUnmapped": 177,
    "call MapRefused EINVAL": 42,
    "call MapRefused EEXIST": 32,
    "call MapRefused EFAULT": 19,
    "call MapRefused ENOSPC": 6,
    "call UnmapRefused EINVAL": 24,
    "call CallRefused EINVAL": 25,
    "call CallRefused ENOENT": 4,
  });
});

test("the runs of a mapping are its map lines, once however many domains there are", () => {
  const { facts } = decode(kprobeDecoder(), linesOf(ORACLE1_TRACE));
  const maps = facts.filter((fact) => fact.event.type === "IovaMapped");
  for (const fact of maps) {
    if (fact.event.type !== "IovaMapped") continue;
    assert.is(runBytes(fact), fact.event.last - fact.event.iova + 1n, `line ${fact.line}`);
    assert.is(fact.event.source.runs?.[0]?.iova, fact.event.iova);
  }
  const profiles = new Set(maps.map((fact) => fact.profile));
  assert.equal([...profiles].sort(), ["vfio-type1", "vfio-type1v2"]);
});

test("QEMU's nested guests: page-table lines cover each call's range, unmaps take back what maps made", () => {
  let calls = 0;
  for (const name of QEMU) {
    const { facts, problems } = decode(
      kprobeDecoder(),
      linesOf(`tests/recordings/kernel/qemu-${name}-legacy.trace.txt.gz`),
    );
    assert.equal(problems, [], name);
    assert.equal(contradictions(facts), [], name);
    for (const fact of facts) {
      const { event, context } = fact;
      if (event.type === "IovaUnmapped" || event.type === "IovaMapped") {
        assert.ok(context.startsWith("container=0x"));
        calls++;
      }
      if (event.type === "IovaMapped") assert.is(runBytes(fact), event.last - event.iova + 1n);
    }
  }
  assert.is(calls, 26 + 14 + 19 + 12 + 19 + 12 + 24 + 12);
});

test("two groups in one container: each device attaches once, and leaves", () => {
  const { facts } = decode(
    kprobeDecoder(),
    linesOf("tests/recordings/kernel/qemu-q35-two-devs-128m-legacy.trace.txt.gz"),
  );
  const moves = facts.flatMap(({ context, event }) =>
    context !== "" && (event.type === "DeviceAttached" || event.type === "DeviceDetached")
      ? [`${event.type} ${event.device}`]
      : [],
  );
  assert.equal(moves, [
    "DeviceAttached 0000:00:05.0",
    "DeviceAttached 0000:00:06.0",
    "DeviceDetached 0000:00:05.0",
    "DeviceDetached 0000:00:06.0",
  ]);
});

test("what was said of a beginning stays, whatever follows", () => {
  for (const file of [ORACLE1_TRACE, "tests/recordings/kernel/qemu-q35-edu-96m-legacy.trace.txt.gz"]) {
    const lines = linesOf(file);
    const whole = decode(kprobeDecoder(), lines).facts;
    for (const length of prefixLengths(lines.length)) {
      const { facts } = decode(kprobeDecoder(), lines.slice(0, length), false);
      assert.is(written(facts), written(whole.slice(0, facts.length)), `${length} lines`);
    }
  }
});

test("trace-cmd without filters: every ioctl stands under both names, cmd= decides", () => {
  const { facts, problems } = decode(
    traceCmdDecoder(),
    linesOf("tests/recordings/kernel/trace-cmd-report-nofilter.txt.gz"),
  );
  assert.equal(problems, []);
  assert.equal(contradictions(facts), []);
  const calls = facts.filter(({ event }) => /^(?:Iova|Map|Unmap)/.test(event.type));
  assert.equal(countsOf(calls.map((fact) => ({ ...fact, context: "" }))), {
    IovaMapped: 40,
    IovaUnmapped: 19,
    "MapRefused EFAULT": 16,
    "MapRefused EEXIST": 2,
    "UnmapRefused EINVAL": 9,
  });
});

const AT = (tid: number, time: string, text: string) => `  qemu-${tid} [000] ..... ${time}: ${text}`;
const MAP = "vmap: (f+0x4/0x19 [m]) iommu=0xff01 cmd=0x3b71 argsz=32 flags=0x3 va=0x7000 iova=0x1000 size=0x2000";
const MAP_R = "vmap_r: (g <- f) iommu=0xff01 cmd=0x3b71 ret=0";

test("a line inside a call that does not fit it is the kernel's own", () => {
  const { facts } = decode(kprobeDecoder(), [
    AT(7, "1.000001", MAP),
    AT(7, "1.000002", "map: IOMMU: iova=0x0000000000001000 - 0x0000000000002000 paddr=0x0000000000009000 size=4096"),
    AT(7, "1.000003", "map: IOMMU: iova=0x00000000fff00000 - 0x00000000fff01000 paddr=0x0000000000003000 size=4096"),
    "  qemu-7 [000] ..s1. 1.000004: map: IOMMU: iova=0x0000000000002000 - 0x0000000000003000 paddr=0x0000000000001000 size=4096",
    AT(7, "1.000005", "map: IOMMU: iova=0x0000000000002000 - 0x0000000000003000 paddr=0x000000000000c000 size=4096"),
    AT(7, "1.000006", MAP_R),
  ]);
  assert.equal(countsOf(facts), { IovaMapped: 2, "container=0xff01 IovaMapped": 1 });
  const call = facts.at(-1);
  assert.equal(call?.event.type === "IovaMapped" && call.event.source, {
    kind: "va",
    va: 0x7000n,
    runs: [
      { iova: 0x1000n, paddr: 0x9000n, length: 0x1000n },
      { iova: 0x2000n, paddr: 0xc000n, length: 0x1000n },
    ],
  });
  assert.equal([call?.line, call?.stamp?.ticks, call?.profile], [6, 1000001n, "unknown"]);
});

test("a call without its return, and a return without its call, are named", () => {
  const cut = decode(kprobeDecoder(), [AT(7, "1.000001", MAP), AT(7, "1.000002", MAP), AT(8, "1.000003", MAP_R)]);
  assert.equal(cut.problems, [
    "1: this vmap call never returned: its result is unknown",
    "3: a vmap call returns whose beginning is not in the recording",
    "2: the recording ends inside this vmap call: its result is unknown",
  ]);
});

test("a container's address is used again after its release", () => {
  const lines = ["1", "2"].flatMap((second) => [
    AT(7, `${second}.000001`, "vcont: (f) file=0xff99 cmd=0x3b66 arg=0x1"),
    AT(7, `${second}.000002`, "vattach: (f) iommu=0xff01 group=0xff02 type=0"),
    AT(7, `${second}.000003`, "attach_device_to_domain: IOMMU: device=0000:00:05.0"),
    AT(7, `${second}.000004`, "vattach_r: (g <- f) iommu=0xff01 ret=0"),
    AT(7, `${second}.000005`, "vdetach: (f) iommu=0xff01 group=0xff02"),
    AT(
      7,
      `${second}.000006`,
      "unmap: IOMMU: iova=0x0000000000001000 - 0x0000000000002000 size=4096 unmapped_size=4096",
    ),
    AT(7, `${second}.000007`, "vrelease: (f) iommu=0xff01"),
  ]);
  const { facts } = decode(kprobeDecoder(), lines);
  const life = ["IoasAllocated", "DeviceAttached", "DeviceDetached", "IoasDestroyed"];
  const expected = ["container=0xff01", "container=0xff01#2"].flatMap((key) => life.map((type) => `${key} ${type}`));
  assert.equal(
    facts.map((fact) => `${fact.context} ${fact.event.type}`),
    expected,
  );
  assert.ok(facts.every((fact) => fact.profile === "vfio-type1"));
});

test("iommufd calls: the address that the kernel chose, the id that the caller named", () => {
  const { facts, problems } = decode(kprobeDecoder(), [
    AT(7, "1.000001", "imap: (iommufd_ioas_map+0x4/0x100) ictx=0xff05 flags=0x6 ioas=3 va=0x7000 len=0x1000 iova=0x0"),
    AT(7, "1.000002", "map: IOMMU: iova=0x0000000000200000 - 0x0000000000201000 paddr=0x0000000000009000 size=4096"),
    AT(7, "1.000003", "imap_r: (iommufd_fops_ioctl+0x1/0x2 <- iommufd_ioas_map) iova=0x200000 ret=0"),
    AT(7, "1.000004", "iunmap: (iommufd_ioas_unmap+0x4/0x100) ictx=0xff05 ioas=3 iova=0x0 len=0xffffffffffffffff"),
    AT(7, "1.000005", "unmap: IOMMU: iova=0x0000000000200000 - 0x0000000000201000 size=4096 unmapped_size=4096"),
    AT(7, "1.000006", "iunmap_r: (iommufd_fops_ioctl+0x1/0x2 <- iommufd_ioas_unmap) len=0x1000 ret=0"),
    AT(7, "1.000007", "iunmap: (iommufd_ioas_unmap+0x4/0x100) ictx=0xff05 ioas=3 iova=0x1000 len=0x1000"),
    AT(7, "1.000008", "iunmap_r: (iommufd_fops_ioctl+0x1/0x2 <- iommufd_ioas_unmap) len=0x1000 ret=-2"),
  ]);
  assert.equal(problems, []);
  assert.equal(
    facts.map(({ context, profile, event, errno }) => [context, profile, event, errno]),
    [
      [
        "iommufd=0xff05",
        "iommufd",
        {
          type: "IovaMapped",
          ioas: 3,
          iova: 0x200000n,
          last: 0x200fffn,
          prot: "rw",
          source: { kind: "va", va: 0x7000n, runs: [{ iova: 0x200000n, paddr: 0x9000n, length: 0x1000n }] },
        },
        null,
      ],
      [
        "iommufd=0xff05",
        "iommufd",
        { type: "IovaUnmapped", ioas: 3, iova: 0n, last: 0xffff_ffff_ffff_ffffn, bytes: 0x1000n },
        null,
      ],
      ["iommufd=0xff05", "iommufd", { type: "UnmapRefused", ioas: 3, iova: 0x1000n, length: 0x1000n }, "ENOENT"],
    ],
  );
});

test("its lines are told from a plain trace's", () => {
  const lines = linesOf(ORACLE1_TRACE);
  assert.ok(lines.some(looksLikeKprobe));
  assert.ok(
    lines
      .slice(0, 400)
      .filter((line) => !line.startsWith("#"))
      .every(looksLikeFtrace),
  );
  assert.not(linesOf("tests/recordings/kernel/vfio-intel48.trace.txt.gz").some(looksLikeKprobe));
});

test.run();
