/** Bad input of every kind: one clear line, the right exit code, nothing half-applied. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demoFile, type ImportAnswer, Workbench } from "./ioasis.ts";

const GOOD =
  "1@1795415902.702253:virtio_iommu_map domain=0 virt_start=0x1000 virt_end=0x1fff phys_start=0x2000 flags=3";
const test = suite("bad input");

function withBench(
  use: (bench: Workbench, file: (name: string, content: string | Uint8Array) => string) => void,
): void {
  const bench = new Workbench();
  try {
    use(bench, (name, content) => {
      const full = path.join(bench.folder, name);
      writeFileSync(full, content);
      return full;
    });
  } finally {
    bench.remove();
  }
}

/** One line on stderr, no stack, the code. */
function assertRefused(bench: Workbench, args: string[], status: number, word: RegExp, code: string): void {
  const plain = bench.run(...args);
  assert.is(plain.status, status, plain.err);
  assert.match(plain.err, word);
  assert.is(plain.err.trimEnd().split("\n").length, 1, plain.err);
  assert.not.match(plain.err, /\n\s+at /);
  const json = bench.json<{ error: { code: string; message: string } }>(...args);
  assert.is(json.error.code, code);
}

test("an empty, a binary, a missing file and a directory are refused with exit 2", () =>
  withBench((bench, file) => {
    assertRefused(bench, ["import", file("empty.log", "")], 2, /empty/, "ERR_INPUT");
    const binary = Uint8Array.from({ length: 5000 }, (_, i) => (i * 7) % 256);
    assertRefused(bench, ["import", file("trace.dat", binary)], 2, /binary/, "ERR_INPUT");
    assertRefused(bench, ["import", path.join(bench.folder, "none.log")], 2, /no such file/, "ERR_INPUT");
    assertRefused(bench, ["import", bench.folder], 2, /directory/, "ERR_INPUT");
    assert.equal(bench.json("contexts"), []);
  }));

test("wrong usage is exit 2", () =>
  withBench((bench, file) => {
    const log = file("ok.log", `${GOOD}\n`);
    assertRefused(bench, ["import", log, "--format", "pcap"], 2, /--format/, "ERR_USAGE");
    assertRefused(bench, ["import", log, "--pace", "0"], 2, /--pace/, "ERR_USAGE");
    assertRefused(bench, ["frobnicate"], 2, /frobnicate/, "ERR_USAGE");
    assert.is(bench.run("import", log).status, 0);
    assertRefused(bench, ["at", "--at", "99"], 2, /99/, "ERR_VERSION");
    assertRefused(bench, ["at", "--context", "other"], 2, /other/, "ERR_NO_CONTEXT");
    assertRefused(bench, ["who", "zero"], 2, /zero/, "ERR_USAGE");
    assertRefused(bench, ["migrate", "other", "--to", "ws://127.0.0.1:1"], 2, /other/, "ERR_NO_CONTEXT");
    assertRefused(bench, ["migrate", "ok", "--to", "ws://127.0.0.1:1"], 3, /127\.0\.0\.1/, "ERR_NETWORK");
  }));

test("lines that cannot be read are counted and named; the rest is imported", () =>
  withBench((bench, file) => {
    const lines = [
      GOOD,
      "what is this line",
      `${"x".repeat(2 << 20)}`,
      "1@1795415903.000001:virtio_iommu_map domain=0 virt_start=0x",
    ];
    const latin = Buffer.concat([
      Buffer.from(`${lines.join("\n")}\n`),
      Buffer.from([0x66, 0xfc, 0x72, 0x0a]),
      Buffer.from(`${GOOD.replaceAll("0x1", "0x5")}`),
    ]);
    const [report] = bench.json<ImportAnswer>("import", file("mixed.log", latin)).files;
    assert.equal(
      report?.problems.map(({ line }) => line),
      [2, 3, 4, 5],
    );
    assert.is(report?.lines, 6);
    assert.is(report?.recognised, 2);
    assert.match(report?.problems[1]?.reason ?? "", /1 MiB/);
    assert.is(bench.json<{ spaces: { areas: unknown[] }[] }>("at").spaces[0]?.areas.length, 2);
  }));

test("conform refuses a recording whose gzip stream is cut, rather than judge the half of it", () =>
  withBench((bench, file) => {
    const steps = Array.from({ length: 50 }, (_, i) => `{"i":${i},"op":"peek","in":{},"errno":0,"out":{}}\n`).join("");
    const whole = gzipSync(`{"meta":{"name":"x"}}\n${steps}`);
    assert.is(bench.run("conform", file("whole.jsonl.gz", whole)).status, 0);
    assertRefused(
      bench,
      ["conform", file("cut.jsonl.gz", whole.subarray(0, whole.length - 20))],
      2,
      /cut short/,
      "ERR_INPUT",
    );
  }));

test("a truncated gzip file gives what can be read and says where it ends", () =>
  withBench((bench, file) => {
    const whole = readFileSync(demoFile("destination.log.gz"));
    const report = bench.json<ImportAnswer>("import", file("cut.log.gz", whole.subarray(0, 2500)));
    assert.ok((report.files[0]?.events ?? 0) > 50);
    assert.match(report.files[0]?.problems.at(-1)?.reason ?? "", /gzip/);
    const grown = bench.json<ImportAnswer>("import", file("whole.log.gz", whole));
    // The cut fell behind an unmap whose end came later: what follows makes it another one.
    assert.equal([grown.files[0]?.events, grown.contexts.length], [264, 1]);
    assertRefused(bench, ["import", file("not.gz", gzipSync("").subarray(0, 12))], 2, /empty|gzip/, "ERR_INPUT");
  }));

test("a file that grows adds only what is new, under its own context", () =>
  withBench((bench, file) => {
    const more = GOOD.replaceAll("0x1", "0x3");
    const log = file("grows.log", `${GOOD}\n`);
    assert.is(bench.json<ImportAnswer>("import", log).files[0]?.events, 2);
    writeFileSync(log, `${GOOD}\n${more}\n`);
    const report = bench.json<ImportAnswer>("import", log);
    assert.equal(report.contexts, [{ context: "grows", versions: 3 }]);
    const other = path.join(bench.folder, "copies");
    mkdirSync(other);
    copyFileSync(log, path.join(other, "elsewhere.log"));
    assert.is(bench.json<ImportAnswer>("import", path.join(other, "elsewhere.log")).files[0]?.events, 0);
    assert.is(bench.json<unknown[]>("contexts").length, 1);
    const shorter = bench.json<ImportAnswer>("import", file("shorter.log", `${GOOD}\n`));
    assert.equal([shorter.files[0]?.events, shorter.contexts], [0, [{ context: "grows", versions: 3 }]]);
    const forked = bench.json<ImportAnswer>(
      "import",
      file("forked.log", `${GOOD}\n${GOOD.replaceAll("0x1", "0x7")}\n`),
    );
    assert.equal([forked.files[0]?.events, forked.contexts], [3, [{ context: "forked", versions: 3 }]]);
  }));

test("a file that grows past what its end had settled gets a context of its own, equal to the whole", () =>
  withBench((bench, file) => {
    const add = "vfio_listener_region_add_ram region_add [ram] 0x380000000000 - 0x380000000fff [0x7f0000000000]";
    const refused =
      "qemu-system-x86_64: vfio_dma_map(0x5e04, 0x380000000000, 0x1000, 0x7f0000000000) = -22 (Invalid argument)";
    assert.is(bench.json<ImportAnswer>("import", file("vm.log", `${add}\n`)).files[0]?.events, 1);
    const grown = bench.json<ImportAnswer>("import", file("vm.log", `${add}\n${refused}\n`));
    assert.equal(grown.contexts, [{ context: "vm-2", versions: 1 }]);
    assert.match(grown.files[0]?.problems[0]?.reason ?? "", /reads otherwise/);
    const log = bench.lines<{ event: { type: string } }>("log", "--context", "vm-2");
    assert.equal(
      log.map(({ event }) => event.type),
      ["MapRefused"],
    );
    const same = bench.json<ImportAnswer>("import", file("other.log", `${GOOD}\n${add}\n`));
    assert.ok((same.files[0]?.events ?? 0) > 0);
    const on = bench.json<ImportAnswer>(
      "import",
      file("other.log", `${GOOD}\n${add}\n${GOOD.replaceAll("0x1", "0x3")}\n`),
    );
    assert.is(on.files[0]?.events, 1, "what the end settled reads the same: the import goes on");
  }));

test("an import that died before its first event leaves its name free", () =>
  withBench((bench, file) => {
    const log = file("vm.log", `${GOOD}\n`);
    assert.is(bench.run("import", log).status, 0);
    assert.is(bench.run("--json", "contexts").status, 0);
    assert.is(bench.run("--version").status, 0);
    const pipe = bench.run("import", "/dev/null");
    assert.is(pipe.status, 2, pipe.err);
    assertRefused(bench, ["import", "x".repeat(300)], 2, /cannot be read/, "ERR_INPUT");
  }));

test("a corrupt block is found by verify (1) and stops what needs it (3)", () =>
  withBench((bench) => {
    assert.is(bench.run("import", demoFile("source.log.gz")).status, 0);
    const segments = path.join(bench.db, "segments");
    const segment = path.join(segments, readdirSync(segments)[0] as string);
    const bytes = readFileSync(segment);
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] as number) ^ 0x10;
    writeFileSync(segment, bytes);
    const verified = bench.run("verify", "--json");
    assert.is(verified.status, 1);
    for (const args of [
      ["at"],
      ["log"],
      ["who", "0x1000"],
      ["history", "0x1000"],
      ["diff", "1", "46000"],
      ["contexts"],
    ])
      assert.is(bench.run(...args).status, 3, args.join(" "));
    assertRefused(bench, ["at", "--at", "46000"], 3, /damaged/, "ERR_DAMAGED");
    assert.is(bench.run("at", "--at", "1").status, 0);
    const { ok, damage } = JSON.parse(verified.out) as {
      ok: boolean;
      damage: { file: string; offset: number; version: number }[];
    };
    assert.is(ok, false);
    assert.ok((damage[0]?.offset ?? 0) <= middle && (damage[0]?.version ?? 0) > 1);
    assertRefused(bench, ["import", demoFile("destination.log.gz"), "--context", "source"], 3, /verify/, "ERR_DAMAGED");
  }));

test("a newer journal and a locked one are exit 3, and stay as they are", () =>
  withBench((bench, file) => {
    const log = file("ok.log", `${GOOD}\n`);
    assert.is(bench.run("import", log).status, 0);
    const format = path.join(bench.db, "format.json");
    const saved = readFileSync(format, "utf8");
    writeFileSync(format, saved.replace(/"format":\s*1/, '"format": 9'));
    assertRefused(bench, ["contexts"], 3, /newer/, "ERR_NEWER");
    writeFileSync(format, saved);
    assert.is(bench.run("contexts").status, 0);
  }));

test("a journal that another process has open for writing is exit 3 for a second writer, readable for others", async () => {
  const bench = new Workbench();
  const service = bench.start("serve", "--listen", "127.0.0.1:0");
  try {
    await new Promise((resolve) => service.stdout?.once("data", resolve));
    assertRefused(bench, ["import", demoFile("destination.log.gz")], 3, /open|lock/, "ERR_LOCKED");
    assert.is(bench.run("contexts").status, 0);
  } finally {
    service.kill("SIGTERM");
    await new Promise((resolve) => service.once("close", resolve));
    bench.remove();
  }
});

test.run();
