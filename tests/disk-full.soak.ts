/**
 * A journal on a file system that really is full. Needs the right to mount (root); run by
 * `node tests/run.mjs --suffix .soak.ts disk-full`. The same is tested everywhere on a made-up disk.
 */
import { execFileSync } from "node:child_process";
import { rmSync, statSync } from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openSegmentJournal } from "../packages/store/src/segment-journal.ts";
import { sampleBatch } from "../packages/store/src/testing/sample-history.ts";
import { temporaryDirectory } from "../packages/store/src/testing/temporary-directory.ts";

const test = suite("A full disk");
const directory = temporaryDirectory();

test.before(() => void execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", directory]));
test.after(() => void execFileSync("umount", [directory]));

test("keeps what it acknowledged, says what is wrong, and goes on when there is room", async () => {
  const ballast = path.join(directory, "ballast");
  execFileSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1k", "count=600"], { stdio: "ignore" });
  const db = path.join(directory, "journal");
  const journal = await openSegmentJournal(db, { host: "soak" });
  await journal.create("guest", "iommufd");
  let version = 0;
  let error: { code?: string; message?: string } | null = null;
  while (error === null) {
    const append = journal.append("guest", sampleBatch(version + 1, version + 2000));
    const [outcome] = await Promise.allSettled([append]);
    if (outcome.status === "fulfilled") version = outcome.value.version;
    else error = outcome.reason;
  }
  await journal.close();
  assert.is(error.code, "ERR_DISK");
  assert.match(error.message ?? "", /segments\/00000001\.log: the disk is full \(\d+ bytes are free\)/);
  const reader = await openSegmentJournal(db, { host: "soak", readOnly: true });
  assert.is(reader.context("guest")?.head.version, version);
  assert.ok((await reader.verify()).ok);
  await reader.close();
  rmSync(ballast);
  const again = await openSegmentJournal(db, { host: "soak" });
  assert.is(again.recovered, null);
  const size = statSync(path.join(db, "segments/00000001.log")).size;
  await again.append("guest", sampleBatch(version + 1, version + 2000));
  assert.ok(statSync(path.join(db, "segments/00000001.log")).size > size);
  assert.ok((await again.verify()).ok);
  await again.close();
});

test.run();
