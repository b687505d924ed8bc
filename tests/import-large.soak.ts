/** Half a GiB: memory that does not follow the file, and Ctrl-C in the middle. Needs /proc, and a GiB of temporary space. */
import { once } from "node:events";
import { createWriteStream, readFileSync } from "node:fs";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { syntheticTrace } from "../packages/cli/src/bench/synthetic-trace.ts";
import { demoFile, type ImportAnswer, Workbench } from "./ioasis.ts";

const MIB = 1024 * 1024;
const RSS_BYTES_MAX = 400e6;

const test = suite("import of half a GiB");

const peakBytes = (pid: number | undefined): number => {
  try {
    // A process that has ended, and is not yet waited for, has no memory.
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
};

test("takes at most 400 MB, and goes on after Ctrl-C to the digest of an import that was left alone", async () => {
  const whole = new Workbench();
  const bench = new Workbench();
  try {
    const file = path.join(whole.folder, "large.trace.txt");
    const recording = gunzipSync(readFileSync(demoFile("dma-e1000e.trace.txt.gz"))).toString("latin1");
    await pipeline(Readable.from(syntheticTrace(recording, { bytes: 512 * MIB })), createWriteStream(file));

    const undisturbed = whole.start("import", file);
    let peak = 0;
    let isRunning = true;
    undisturbed.on("close", () => {
      isRunning = false;
    });
    for (; isRunning; await sleep(50)) peak = Math.max(peak, peakBytes(undisturbed.pid));
    assert.ok(peak > 0 && peak <= RSS_BYTES_MAX, `${peak} bytes`);
    const [expected] = whole.json<{ versions: number; digest: string }[]>("contexts");

    const child = bench.start("import", file);
    let versions = 0;
    while (versions === 0) {
      await sleep(50);
      const contexts = bench.json<{ versions: number }[]>("contexts");
      versions = Array.isArray(contexts) ? (contexts[0]?.versions ?? 0) : 0;
    }
    child.kill("SIGINT");
    const [status] = await once(child, "close");
    assert.is(status, 3);
    const durable = bench.json<{ versions: number }[]>("contexts")[0]?.versions ?? 0;
    assert.ok(durable >= versions && durable < (expected?.versions ?? 0), `${durable} versions`);
    const [finished] = bench.json<ImportAnswer>("import", file).files;
    assert.equal([finished?.known, finished?.events], [durable, (expected?.versions ?? 0) - durable]);
    assert.is(bench.json<{ digest: string }[]>("contexts")[0]?.digest, expected?.digest);
  } finally {
    whole.remove();
    bench.remove();
  }
});

test.run();
