/** A real process on the real disk, killed at random moments. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSegmentJournal } from "./segment-journal.ts";
import { temporaryDirectory } from "./testing/temporary-directory.ts";

const KILLS = 20;
const LIFE_MS_MAX = 60;
const ROOT = process.env.IOASIS_ROOT ?? process.cwd();
const BUILD = path.join(ROOT, ".build", `appender-${process.pid}`);

const test = suite("Segment journal: kill -9");

test.before(async () => {
  const { bundle } = await import(pathToFileURL(path.join(ROOT, "tools/bundle.mjs")).href);
  await bundle({ appender: path.join(ROOT, "packages/store/src/testing/appender.ts") }, BUILD);
});
test.after(() => rmSync(BUILD, { recursive: true, force: true }));

/** Runs the appender, kills it `lifeMs` after its first acknowledgement, and gives the newest one. */
function killed(directory: string, lifeMs: number): Promise<number> {
  const child = spawn(process.execPath, [path.join(BUILD, "appender.mjs"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (chunk) => {
    if (text === "") setTimeout(() => child.kill("SIGKILL"), lifeMs);
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    // A line without its end was cut by the kill: it may lack digits.
    child.on("close", () => resolve(Number(text.slice(0, text.lastIndexOf("\n")).split("\n").at(-1))));
  });
}

test("at twenty moments: every acknowledged event is there, and the journal is whole", async () => {
  const directory = temporaryDirectory();
  for (let i = 0; i < KILLS; i++) {
    const acknowledged = await killed(directory, Math.random() * LIFE_MS_MAX);
    assert.ok(acknowledged > 0);
    const journal = await openSegmentJournal(directory, { host: "parent" });
    const { head } = journal.context("guest") ?? { head: { version: 0, digest: "" } };
    assert.ok(head.version >= acknowledged, `${acknowledged} acknowledged, ${head.version} there`);
    const { ok, digests } = await journal.verify();
    assert.ok(ok);
    assert.equal(digests, { guest: head.digest });
    assert.is(journal.live("guest").version, head.version);
    await journal.close();
  }
});

test("a second process is told who writes, and gets in when that one is gone", async () => {
  const directory = temporaryDirectory();
  const child = spawn(process.execPath, [path.join(BUILD, "appender.mjs"), directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.stdout.resume();
  const error = await openSegmentJournal(directory, { host: "parent" }).catch((reason) => reason);
  assert.is(error.code, "ERR_LOCKED");
  assert.equal(error.at, { file: `${directory}/lock`, pid: String(child.pid) });
  const reader = await openSegmentJournal(directory, { host: "parent", readOnly: true });
  const { version } = reader.context("guest")?.head ?? { version: 0 };
  assert.ok(version > 0);
  assert.is(reader.state("guest").version, version);
  await reader.close();
  const gone = new Promise((resolve) => child.on("close", resolve));
  child.kill("SIGKILL");
  await gone;
  await (await openSegmentJournal(directory, { host: "parent" })).close();
});

test.run();
