/** A journal on a disk whose operations fail, that is full, or that loses its power. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Journal } from "./journal.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";
import { fill, sampleBatch } from "./testing/sample-history.ts";
import { writtenBytes } from "./testing/written-bytes.ts";

const FILE = "/j/segments/00000001.log";
const test = suite("Segment journal: faults");
let seed = 1;
const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x80000000;
const open = (disk: FakeDisk) => openSegmentJournal("/j", { host: "test", disk });

/** Does what can be done until something fails; how far it got by acknowledgements, and the failure. */
async function work(
  disk: FakeDisk,
): Promise<{ acknowledged: number; error: { code?: string; message: string } | null }> {
  let acknowledged = 0;
  let journal: Journal | null = null;
  try {
    journal = await open(disk);
    await journal.create("a", "iommufd");
    for (let end = 10; end <= 60; end += 10) {
      const head = journal.context("a")?.head.version ?? 0;
      const both = [
        journal.append("a", sampleBatch(head + 1, end - 5)),
        journal.append("a", sampleBatch(end - 4, end)),
      ];
      for (const result of await Promise.allSettled(both)) {
        if (result.status === "rejected") throw result.reason;
        acknowledged = result.value.version;
      }
      if (end === 30) await journal.snapshot("a");
    }
    return { acknowledged, error: null };
  } catch (error) {
    return { acknowledged, error: error as Error };
  } finally {
    await journal?.close();
  }
}

async function check(disk: FakeDisk, acknowledged: number, hint: string): Promise<void> {
  const journal = await open(disk);
  const head = journal.context("a")?.head.version ?? 0;
  assert.ok(head >= acknowledged, `${hint}: ${acknowledged} acknowledged, ${head} there`);
  assert.equal(journal.damage, [], hint);
  assert.ok((await journal.verify()).ok, hint);
  await fill(journal, "a", [head + 3]);
  await journal.close();
}

test("every operation fails once, or from then on: nothing acknowledged is lost", async () => {
  const clean = new FakeDisk();
  assert.is((await work(clean)).error, null);
  assert.ok(clean.operations.length > 20);
  for (const code of ["EIO", "ENOSPC"])
    for (const isLasting of [false, true])
      for (let at = 1; at <= clean.operations.length; at++) {
        const disk = new FakeDisk();
        disk.failure = { at, code, isLasting };
        const { acknowledged, error } = await work(disk);
        const hint = `${code} at ${clean.operations[at - 1]} ${at}`;
        if (error === null) assert.is(acknowledged, 60, hint);
        else assert.is(error.code, "ERR_DISK", `${hint}: ${error.message}`);
        disk.failure = null;
        await check(disk.copy(), acknowledged, hint);
        await check(disk.crash(random), acknowledged, `${hint}, then no power`);
      }
});

test("after a failed sync the journal refuses everything until it is opened again", async () => {
  for (const name of ["write", "datasync"]) {
    const disk = new FakeDisk();
    const journal = await open(disk);
    await fill(journal, "a", [10]);
    const size = writtenBytes(disk, FILE).length;
    const at = disk.operations.length + (name === "write" ? 1 : 2);
    disk.failure = { at, code: "EIO", isLasting: false };
    const first = journal.append("a", sampleBatch(11, 12));
    const second = journal.append("a", sampleBatch(13, 14));
    for (const append of [first, second]) assert.is((await append.catch((error) => error)).code, "ERR_DISK");
    assert.is(disk.operations[at - 1], name);
    const isDisk = (error: { code?: string }) => error.code === "ERR_DISK";
    assert.throws(() => journal.contexts(), isDisk);
    assert.throws(() => journal.state("a"), isDisk);
    assert.is((await journal.append("a", sampleBatch(11, 12)).catch((error) => error)).code, "ERR_DISK");
    assert.equal(disk.operations.slice(at), ["truncate"], "no sync is tried again on that file");
    assert.is(disk.readWhole(FILE)?.length, size);
    await journal.close();
    const again = await open(disk);
    assert.is(again.context("a")?.head.version, 10);
    await again.close();
  }
});

test("a full disk: says which file, how much is free and what to do, and keeps nothing by half", async () => {
  const disk = new FakeDisk();
  const journal = await open(disk);
  await fill(journal, "a", [10]);
  disk.capacity = disk.usedBytes + 100;
  let version = 10;
  let size = 0;
  let error: { code?: string; message: string; at?: unknown } | null = null;
  // What the file had grown by before is there still.
  while (error === null && version < 100_000) {
    size = writtenBytes(disk, FILE).length;
    const [append] = await Promise.allSettled([journal.append("a", sampleBatch(version + 1, version + 500))]);
    if (append.status === "fulfilled") version = append.value.version;
    else error = append.reason;
  }
  assert.ok(error !== null);
  assert.is(error.code, "ERR_DISK");
  assert.match(error.message, /cannot write to \/j\/segments\/00000001\.log: the disk is full \(\d+ bytes are free\)/);
  assert.match(error.message, /free space and do it again/);
  assert.equal(error.at, { file: "/j/segments/00000001.log", errno: "ENOSPC" });
  assert.is(disk.readWhole(FILE)?.length, size);
  await journal.close();
  disk.capacity = Number.POSITIVE_INFINITY;
  const again = await open(disk);
  assert.is((await again.append("a", sampleBatch(version + 1, version + 500))).version, version + 500);
  await again.close();
});

test("the power goes at any moment, and the disk keeps any part of what was not synced", async () => {
  for (let run = 0; run < 150; run++) {
    const disk = new FakeDisk();
    const journal = await open(disk);
    await journal.create("a", "iommufd");
    let acknowledged = 0;
    for (let end = 200; end <= 2200; end += 200) {
      const append = journal
        .append("a", sampleBatch(end - 199, end - 100))
        .then(({ version }) => (acknowledged = version));
      const next = journal.append("a", sampleBatch(end - 99, end)).then(({ version }) => (acknowledged = version));
      if (end > 200 * (1 + (run % 10))) {
        for (let turn = 0; turn < run % 4; turn++) await new Promise((resolve) => setImmediate(resolve));
        const wasAcknowledged = acknowledged;
        const after = disk.crash(random);
        await check(after, wasAcknowledged, `run ${run}`);
        await Promise.all([append, next]);
        break;
      }
      await Promise.all([append, next]);
    }
    await journal.close();
  }
});

test("a hundred appends at once share a sync", async () => {
  const disk = new FakeDisk();
  const journal = await open(disk);
  await journal.create("a", "iommufd");
  const before = disk.operations.length;
  await Promise.all(Array.from({ length: 100 }, (_, i) => journal.append("a", sampleBatch(i + 1, i + 1))));
  assert.equal(disk.operations.slice(before), ["write", "datasync"]);
  for (let i = 100; i < 103; i++) await journal.append("a", sampleBatch(i + 1, i + 1));
  assert.equal(disk.operations.slice(before + 2), ["write", "datasync", "write", "datasync", "write", "datasync"]);
  await journal.close();
});

test.run();
