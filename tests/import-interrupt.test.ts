/** Ctrl-C in the middle of an import: nothing is lost, and the same command goes on where it stopped. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CLI, demoFile, type ImportAnswer, Workbench } from "./ioasis.ts";

const FILE = demoFile("source.log.gz");
const EVENTS = 46_913;

interface ContextLine {
  readonly versions: number;
  readonly digest: string;
}

const test = suite("import, interrupted");

/** Versions that the journal holds; 0: it is not made yet. */
function versionsIn(bench: Workbench): number {
  const answer = bench.json<ContextLine[] | { error: unknown }>("contexts");
  return Array.isArray(answer) ? (answer[0]?.versions ?? 0) : 0;
}

/** Of an import that nobody stops. */
let whole = "";

test.before(() => {
  const bench = new Workbench();
  try {
    bench.run("import", FILE);
    whole = bench.json<ContextLine[]>("contexts")[0]?.digest ?? "";
  } finally {
    bench.remove();
  }
});

for (const signal of ["SIGINT", "SIGTERM"] as const)
  test(`${signal}: what was decoded is durable, stderr says where it stopped, the same command goes on`, async () => {
    const bench = new Workbench();
    try {
      const child = bench.start("import", FILE, "--pace", "2", "--json");
      const said = { out: "", err: "" };
      child.stdout?.on("data", (text) => {
        said.out += text;
      });
      child.stderr?.on("data", (text) => {
        said.err += text;
      });
      while (versionsIn(bench) === 0) await sleep(50);
      child.kill(signal);
      const [status] = await once(child, "close");
      assert.is(status, 3);
      const where = /interrupted at line (\d+); all before is durable: the same command goes on from there/;
      const line = Number(where.exec(said.err)?.[1]);
      const answer = JSON.parse(said.out) as { error: { code: string; at: { line: number } } };
      assert.equal([answer.error.code, answer.error.at.line], ["ERR_INTERRUPTED", line]);
      assert.ok(bench.json<{ ok: boolean }>("verify").ok);
      const durable = versionsIn(bench);
      assert.ok(durable > 0 && durable < EVENTS, `${durable} versions at line ${line}`);
      const [finished] = bench.json<ImportAnswer>("import", FILE).files;
      assert.equal([finished?.known, finished?.events], [durable, EVENTS - durable]);
      assert.is(bench.json<ContextLine[]>("contexts")[0]?.digest, whole);
    } finally {
      bench.remove();
    }
  });

test("a second Ctrl-C ends a command that does not get to its end, and the journal is whole", async () => {
  const bench = new Workbench();
  try {
    bench.run("create", "guest", "--profile", "iommufd");
    // It waits for a command on its input, which nobody writes.
    const child = spawn(process.execPath, [CLI, "apply", "guest", "-"], {
      env: { ...process.env, HOME: bench.folder, IOASIS_DB: bench.db },
      stdio: ["pipe", "pipe", "ignore"],
    });
    child.stdin.write('{"command":"AllocIoas"}\n');
    await once(child.stdout, "data");
    child.kill("SIGINT");
    const ended = once(child, "close");
    await Promise.race([ended, sleep(1_000)]);
    child.kill("SIGINT");
    const [status, signal] = await ended;
    // By the signal itself, as a shell expects, unless the first one was enough.
    assert.ok(signal === "SIGINT" || status === 0 || status === 3, `${status} ${signal}`);
    assert.ok(bench.json<{ ok: boolean }>("verify").ok);
    assert.ok(versionsIn(bench) >= 1);
  } finally {
    bench.remove();
  }
});

test.run();
