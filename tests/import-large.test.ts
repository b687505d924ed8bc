/** A large file is decoded in a thread of its own; what comes of it is the same as of a small one. */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { syntheticTrace } from "../packages/cli/src/bench/synthetic-trace.ts";
import { demoFile, type ImportAnswer, Workbench } from "./ioasis.ts";

/** Above the size from which a thread is made; packed it lies below. */
const BYTES = 10 * 1024 * 1024;

const test = suite("import of a large file");

const recording = gunzipSync(readFileSync(demoFile("dma-e1000e.trace.txt.gz"))).toString("latin1");

function imported(name: string, bytes: Uint8Array) {
  const bench = new Workbench();
  try {
    const file = path.join(bench.folder, name);
    writeFileSync(file, bytes);
    const answer = bench.json<ImportAnswer>("import", file, "--context", "guest");
    const again = bench.json<ImportAnswer>("import", file);
    const [context] = bench.json<{ versions: number; digest: string; spaceDigest: string }[]>("contexts");
    const { file: _, ...report } = answer.files[0] as ImportAnswer["files"][number];
    return {
      report,
      drift: answer.drift.map(({ version, line, rule }) => [version, line, rule]),
      again: [again.files[0]?.events, again.files[0]?.known],
      context: [context?.versions, context?.digest, context?.spaceDigest],
    };
  } finally {
    bench.remove();
  }
}

test("facts, problems, drift, a last line without an end and what a second import finds are the same", () => {
  const lines = [...syntheticTrace(recording, { bytes: BYTES })].join("").trimEnd().split("\n");
  // Lines of every other kind: broken ones, a marker, lost events, a map over a living mapping.
  lines.splice(30_000, 0, "no record", "CPU:0 [LOST 3 EVENTS]", lines[29_000] as string);
  lines.splice(
    50_000,
    0,
    "              nc-356     [000] .....    12.900000: tracing_mark_write: half way",
    "              nc-356     [000] .....    12.900001: map: IOMMU: iova=0x12 - 0x broken",
    lines[49_990] as string,
    lines[49_990] as string,
  );
  const text = Buffer.from(lines.join("\n"));
  const large = imported("large.trace.txt", text);
  assert.equal(large, imported("small.trace.txt.gz", gzipSync(text)));
  assert.is(large.report.lines, lines.length);
  assert.is(large.report.problems.length, 2);
  assert.is(large.report.lost, 3);
  assert.ok(large.drift.length > 0);
  assert.equal(large.again, [0, large.context[0]]);
});

test("a large file of another format than was asked for is refused with its name", () => {
  const bench = new Workbench();
  try {
    const file = path.join(bench.folder, "notes.txt");
    writeFileSync(file, "a line of nothing in particular\n".repeat(BYTES / 31));
    const { status, err } = bench.run("import", file, "--format", "ftrace");
    assert.is(status, 2);
    assert.match(err, /not one of its \d+ lines is a ftrace record \(line 1: no record of a kernel trace\)/);
  } finally {
    bench.remove();
  }
});

test.run();
