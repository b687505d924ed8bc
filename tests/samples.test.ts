/** Public bug reports, imported as they were posted: the history says what the record proves. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ImportAnswer, recordingFile, Workbench } from "./ioasis.ts";

interface Space {
  readonly areas: readonly { readonly iova: string; readonly last: string }[];
}
interface LogLine {
  readonly version: number;
  readonly errno: string | null;
  readonly event: { readonly type: string; readonly iova?: string };
}
interface Explanation {
  readonly verdict: string;
  readonly fault: { readonly access: string; readonly iova: string };
  readonly mappedAt: { readonly version: number; readonly clock: { readonly seconds: string } };
  readonly unmappedAt: { readonly version: number; readonly clock: { readonly seconds: string } };
  readonly gapSeconds: number;
}

const sample = (name: string): string => recordingFile(`samples/${name}`);
const test = suite("samples");

function imported(name: string, use: (bench: Workbench, report: ImportAnswer) => void): void {
  const bench = new Workbench();
  try {
    use(bench, bench.json<ImportAnswer>("import", sample(name)));
  } finally {
    bench.remove();
  }
}

const areasOf = (bench: Workbench): (readonly [string, string])[] =>
  bench
    .json<{ spaces: Space[] }>("at")
    .spaces.flatMap(({ areas }) => areas.map(({ iova, last }) => [iova, last] as const));

test("ath12k: the device wrote to a mapping 6.176 ms after it was unmapped", () => {
  imported("ftrace-ath12k-use-after-unmap.txt", (bench, report) => {
    assert.equal(report.drift, []);
    const faults = bench.lines<Explanation>("explain", "--file", sample("ftrace-ath12k-use-after-unmap.txt"));
    assert.is(faults.length, 1);
    const [found] = faults as [Explanation];
    assert.is(found.verdict, "use-after-unmap");
    assert.is(found.mappedAt.clock.seconds, "4.878076");
    assert.is(found.unmappedAt.clock.seconds, "327.747766");
    assert.is(found.gapSeconds, 0.006176);
    assert.equal([found.fault.iova, found.fault.access], ["0xfe980000", "write"]);
  });
});

test("SPDK 1705: an unmap that did nothing, and the map that was refused because of it", () => {
  imported("spdk-dpdk-silent-unmap-1705.txt", (bench, report) => {
    assert.equal(
      report.drift.map(({ line, rule }) => [line, rule]),
      [[2, "unmap-did-nothing"]],
    );
    assert.equal(areasOf(bench), [["0x200000200000", "0x2000143fffff"]]);
    const log = bench.lines<LogLine>("log");
    assert.equal(
      log.map(({ errno, event }) => [event.type, errno]),
      [
        ["IovaMapped", null],
        ["IovaUnmapped", null],
        ["MapRefused", "EEXIST"],
      ],
    );
  });
});

test("an overlapping region: the refused map is not in the state, the unmaps before it are unknown", () => {
  imported("qemu-trace-overlap-2021.txt", (bench) => {
    const log = bench.lines<LogLine>("log");
    const refused = log.filter(({ event }) => event.type === "MapRefused");
    assert.equal(
      refused.map(({ errno, event }) => [errno, event.iova]),
      [["EINVAL", "0xc0000"]],
    );
    assert.equal(areasOf(bench), [
      ["0xc0000", "0xc0fff"],
      ["0xc1000", "0xc3fff"],
      ["0xc4000", "0xdffff"],
    ]);
  });
});

test("a region added twice is drift at the second line", () => {
  imported("qemu-trace-duplicate-region-oracle-qemu-9.txt", (bench, report) => {
    assert.equal(
      report.drift.map(({ line, rule }) => [line, rule]),
      [[3, "map-over-mapped"]],
    );
    assert.equal(areasOf(bench), [["0xfebd1000", "0xfebd1fff"]]);
  });
});

test("maps above the host's 39 bits are in the history with their errno, and not in the state", () => {
  imported("qemu-iommufd-uefi-39bit-fail.txt", (bench, report) => {
    assert.equal(report.drift, []);
    const log = bench.lines<LogLine>("log");
    assert.equal(
      log.map(({ errno, event }) => [errno, event.iova ?? event.type]),
      [
        [null, "IoasFound"],
        ["EINVAL", "0x380000001000"],
        ["EINVAL", "0x380000004000"],
      ],
    );
    assert.equal(areasOf(bench), []);
  });
});

test.run();
