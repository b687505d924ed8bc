/** An import that is killed at any moment loses nothing it acknowledged, and the same command finishes it. */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { demoFile, type ImportAnswer, Workbench } from "./ioasis.ts";

const KILLS = 20;
const FILE = demoFile("source.log.gz");

interface ContextLine {
  readonly versions: number;
  readonly digest: string;
}

const test = suite("import, killed");

test("kill -9 at 20 random moments: verify is ok, acknowledged versions stay, importing again completes", async () => {
  const whole = new Workbench();
  const bench = new Workbench();
  try {
    const from = performance.now();
    assert.is(whole.run("import", FILE).status, 0);
    const importMs = performance.now() - from;
    const [expected] = whole.json<ContextLine[]>("contexts");
    assert.is(expected?.versions, 46_913);
    let acknowledged = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      // Played at a pace, so that there is something left to kill at the last moment too.
      const child = bench.start("import", FILE, "--pace", "12");
      const closed = once(child, "close");
      await sleep(Math.random() * importMs + 30);
      child.kill("SIGKILL");
      await closed;
      const verified = bench.json<{ ok?: boolean; events?: number; error?: { code: string } }>("verify");
      // Killed before the journal was made: there is nothing to verify yet.
      if (verified.error !== undefined) {
        assert.is(acknowledged, 0);
        continue;
      }
      assert.is(verified.ok, true);
      const [line] = bench.json<ContextLine[]>("contexts");
      const versions = line?.versions ?? 0;
      assert.ok(versions >= acknowledged, `${versions} versions after ${acknowledged} were seen`);
      acknowledged = versions;
    }
    const finished = bench.json<ImportAnswer>("import", FILE);
    assert.is(finished.files[0]?.events, 46_913 - acknowledged);
    const [line] = bench.json<ContextLine[]>("contexts");
    assert.equal([line?.versions, line?.digest], [expected?.versions, expected?.digest]);
    assert.is(bench.json<{ ok: boolean }>("verify").ok, true);
    assert.is(bench.json<ImportAnswer>("import", FILE).files[0]?.events, 0);
  } finally {
    whole.remove();
    bench.remove();
  }
});

test.run();
