/** A real process on the real disk, killed at random moments. */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CheckpointFile } from "./checkpoint-file.ts";
import type { Place, ReadFrame } from "./frame-log.ts";
import { readFormat } from "./journal-format.ts";
import { KeptFiles } from "./kept-files.ts";
import { SNAPSHOT_WORK } from "./limits.ts";
import { nodeDisk } from "./node-disk.ts";
import { openCatalog } from "./open-catalog.ts";
import { Replay } from "./replay.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { SegmentLog } from "./segment-log.ts";
import { SNAPSHOT_FILES, SnapshotStore } from "./snapshot-store.ts";
import { temporaryDirectory } from "./testing/temporary-directory.ts";

const KILLS = 12;
const LIFE_MS_MAX = 60;
const ROOT = process.env.IOASIS_ROOT ?? process.cwd();
const BUILD = path.join(ROOT, ".build", `appender-${process.pid}`);

const test = suite("Segment journal: kill -9");

test.before(async () => {
  const { bundle } = await import(pathToFileURL(path.join(ROOT, "tools/bundle.mjs")).href);
  const source = (name: string) => path.join(ROOT, `packages/store/src/testing/${name}.ts`);
  await bundle({ appender: source("appender"), churn: source("churn-appender") }, BUILD);
});
test.after(() => rmSync(BUILD, { recursive: true, force: true }));

/** Counts the frames that are read. */
class CountingLog extends SegmentLog {
  reads = 0;

  override read(place: Place): ReadFrame | null {
    this.reads++;
    return super.read(place);
  }
}

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

test("at twelve moments: every acknowledged event is there, and the journal is whole", async () => {
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

test("far into a history: what opening folds and replays is bounded by the policies", async () => {
  const directory = temporaryDirectory();
  const checkpointWork = 256 * 1024;
  const child = spawn(process.execPath, [path.join(BUILD, "churn.mjs"), directory, String(checkpointWork)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = new Promise((resolve) => child.on("close", resolve));
  let acknowledged = 0;
  child.stdout.on("data", (chunk) => {
    acknowledged = Number(String(chunk).trimEnd().split("\n").at(-1));
    if (acknowledged > 5 * SNAPSHOT_WORK) child.kill("SIGKILL");
  });
  await closed;
  const { replica } = readFormat(nodeDisk, directory) ?? { replica: "" };
  const log = new CountingLog(nodeDisk, directory);
  const snapshots = new SnapshotStore(new KeptFiles(nodeDisk, directory, SNAPSHOT_FILES));
  const { catalog } = openCatalog(log, new CheckpointFile(nodeDisk, directory, replica, log), snapshots);
  const context = catalog.byName.get("guest");
  assert.ok(context !== undefined && context.version > 5 * SNAPSHOT_WORK);
  // A checkpoint or snapshot that the kill cut short leaves the tail of two.
  assert.ok(catalog.work < 3 * checkpointWork, `${catalog.work} bytes of work folded`);
  log.reads = 0;
  const state = new Replay(log, snapshots).state(context, context.version);
  assert.is(state.version, context.version);
  assert.ok(log.reads < 2.5 * (SNAPSHOT_WORK / 2_048), `${log.reads} blocks replayed`);
  await log.close();
  const journal = await openSegmentJournal(directory, { host: "parent" });
  assert.ok((journal.context("guest")?.head.version ?? 0) >= acknowledged);
  assert.ok((await journal.verify()).ok);
  await journal.close();
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
