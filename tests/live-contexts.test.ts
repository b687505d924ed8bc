/** Contexts that take commands beside recordings and hosts: who may write into them, what is asked of them. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demoFile, type ImportAnswer, ROOT, Workbench } from "./ioasis.ts";

interface Failed {
  readonly error?: { readonly code: string; readonly message: string };
}
interface Context {
  readonly context: string;
  readonly profile: string;
  readonly versions: number;
  readonly spaceDigest: string;
}
interface Fits {
  readonly fits: boolean;
  readonly hosts: readonly { readonly host: string; readonly fits: boolean }[];
}

const VTD_48 = path.join(ROOT, "docs/hosts/vtd-48.json");
const NARROW = path.join(ROOT, "docs/hosts/vtd-39.json");
const ALLOC = { command: "AllocIoas" };
const map = (iova: string) => ({
  command: "MapIova",
  ioas: "ioas0",
  prot: "rw",
  userVa: "0x10000",
  iova,
  length: "0x1000",
});

const test = suite("live contexts");

function withBench(body: (bench: Workbench) => void): void {
  const bench = new Workbench();
  try {
    body(bench);
  } finally {
    bench.remove();
  }
}

function apply(bench: Workbench, context: string, commands: readonly unknown[]): (string | null)[] {
  const file = path.join(bench.folder, "commands.jsonl");
  writeFileSync(file, commands.map((command) => JSON.stringify(command)).join("\n"));
  return bench.lines<{ errno: string | null }>("apply", context, file).map(({ errno }) => errno);
}

const contextsOf = (bench: Workbench): Context[] => bench.json<Context[]>("contexts");

for (const [profile, options, recording, command] of [
  ["iommufd", [], "vfio-intel48.trace.txt.gz", ALLOC],
  ["vfio-type1v2", ["--host", VTD_48], "source.log.gz", { command: "OpenContainer" }],
] as const)
  test(`a recording is not written into a context of ${profile}, which goes on`, () =>
    withBench((bench) => {
      assert.is(bench.run("create", "vm", "--profile", profile, ...options).status, 0);
      assert.equal(apply(bench, "vm", [command]), [null]);
      const before = contextsOf(bench);
      const { error } = bench.json<Failed>("import", demoFile(recording), "--context", "vm");
      assert.is(error?.code, "ERR_CONTEXT_EXISTS");
      assert.match(error?.message ?? "", /context "vm" takes commands.*under another name/);
      assert.equal(contextsOf(bench), before, "nothing was written, here or beside it");
      assert.equal(apply(bench, "vm", [command]), [null]);
    }));

test("the log of a live context is a copy that takes commands, and grows no more once it got some", () =>
  withBench((bench) => {
    assert.is(bench.run("create", "vm", "--profile", "iommufd", "--host", VTD_48).status, 0);
    assert.equal(apply(bench, "vm", [ALLOC, map("0x1000")]), [null, null]);
    const log = path.join(bench.folder, "vm.jsonl");
    const save = (): void => writeFileSync(log, bench.run("log", "--context", "vm", "--json").out);
    save();
    assert.is(bench.run("import", log, "--context", "copy").status, 0);
    const [live, copy] = contextsOf(bench);
    assert.equal(
      [copy?.profile, copy?.versions, copy?.spaceDigest],
      [live?.profile, live?.versions, live?.spaceDigest],
    );
    assert.equal(apply(bench, "vm", [map("0x2000")]), [null]);
    save();
    assert.is(bench.json<ImportAnswer>("import", log).contexts[0]?.versions, 4);
    assert.equal(apply(bench, "copy", [map("0x2000"), map("0x3000")]), ["EEXIST", null]);
    assert.equal(apply(bench, "vm", [map("0x4000")]), [null]);
    save();
    const { error } = bench.json<Failed>("import", log);
    assert.match(error?.message ?? "", /before it got commands of its own: import it into another journal/);
    assert.equal(apply(bench, "copy", [map("0x4000")]), [null]);
  }));

test("several hosts: their devices together, no name twice; precheck --at asks each host", () =>
  withBench((bench) => {
    const other = path.join(bench.folder, "other.json");
    const device = {
      bdf: "0000:01:00.0",
      group: 9,
      reserved: [],
      aperture: ["0x0", "0x7fffffffff"],
      pageSizes: "0x1000",
    };
    const limits = { memlockBytes: "0x2000", mappingsMax: 5 };
    writeFileSync(other, JSON.stringify({ host: "other", devices: [device], limits }));
    const twice = bench.json<Failed>("create", "vm", "--profile", "iommufd", "--host", VTD_48, VTD_48);
    assert.match(twice.error?.message ?? "", /device 0000:00:05.0 is on two hosts/);
    assert.is(bench.run("create", "vm", "--profile", "iommufd", "--host", VTD_48, other).status, 0);
    const bind = (name: string) => ({ command: "BindVfioDevice", device: name });
    const attach = (name: string) => ({ command: "AttachVfioDevice", device: name, pt: "ioas0" });
    const [first, second] = ["0000:00:05.0", device.bdf];
    const high = map("0x8000000000");
    const commands = [ALLOC, bind(first), bind(second), attach(first), high, attach(second)];
    // The second one reaches 39 bits.
    assert.equal(apply(bench, "vm", commands), [null, null, null, null, null, "EADDRINUSE"]);
    const far = (page: number) => map(`0x${(page * 0x1000).toString(16)}`);
    // The smaller of two limits: two pages, one of which is mapped.
    assert.equal(apply(bench, "vm", [far(1), far(2)]), [null, "ENOMEM"]);
    const versions = contextsOf(bench)[0]?.versions ?? 0;
    const report = bench.json<Fits>("precheck", "--at", `${versions}`, "--context", "vm", "--host", VTD_48, NARROW);
    assert.equal(
      report.hosts.map(({ host, fits }) => [host, fits]),
      [
        ["vtd-48", true],
        ["vtd-39", false],
      ],
    );
    assert.is(report.fits, false);
  }));

test.run();
