/** Ground truth: a boot of a real kernel, and the hardware's page tables at four marks of it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ImportAnswer, recordingFile, Workbench } from "./ioasis.ts";

interface Comparison {
  readonly equal: boolean;
  readonly pages: {
    readonly both: number;
    readonly onlyHere: number;
    readonly onlyDump: number;
    readonly different: number;
  };
}

const test = suite("page tables of the hardware");
const truth = (name: string): string => recordingFile(`truth/${name}`);

for (const [mark, pages] of [
  ["0-boot", 4096],
  ["1-up", 4354],
  ["2-traffic", 4444],
  ["3-down", 4096],
] as const)
  test(`the replayed trace equals them at ${mark}: ${pages} live pages`, () => {
    const bench = new Workbench();
    try {
      const report = bench.json<ImportAnswer>("import", truth("one-device/trace-boot.txt.gz"));
      assert.equal(report.drift, []);
      const dumps = [
        truth(`one-device/pt-${mark}-0000_00_06.0.txt.gz`),
        truth("one-device/pt-0-boot-0000_00_1f.0.txt.gz"),
      ];
      const at = `ORACLE snapshot ${mark} begin`;
      const answer = bench.json<Comparison>("compare", "--at", at, "--dump", ...dumps);
      assert.equal(answer.pages, { both: pages, onlyHere: 0, onlyDump: 0, different: 0 });
      assert.is(answer.equal, true);
      assert.is(bench.run("compare", "--at", at, "--dump", ...dumps).status, 0);
      if (pages > 4096) assert.is(bench.run("compare", "--at", at, "--dump", dumps[1] as string).status, 1);
    } finally {
      bench.remove();
    }
  });

test("a trace of two devices says that it mixes spaces it cannot tell apart, and where", () => {
  const bench = new Workbench();
  try {
    const report = bench.json<ImportAnswer>("import", truth("two-devices/trace-boot.txt.gz"));
    const mixed = report.drift.filter(({ rule }) => rule === "spaces-mixed");
    assert.ok(mixed.length > 0);
    assert.ok((mixed[0]?.line ?? 0) > 12);
    const { out } = bench.run("who", "0xfffff000");
    assert.match(out, /mixes|mixed/);
  } finally {
    bench.remove();
  }
});

test.run();
