/** What a directory must be to be a journal, who may open it, and how it goes on from file to file. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { LEAF_VERSIONS } from "@ioasis/codec";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SEGMENT_BYTES_MAX, SNAPSHOT_BLOCK_WORK, SNAPSHOT_CLOSE_WORK, SNAPSHOTS_KEPT_MAX } from "./limits.ts";
import { nodeDisk } from "./node-disk.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";
import { fill, picture, sampleBatch } from "./testing/sample-history.ts";
import { temporaryDirectory } from "./testing/temporary-directory.ts";

const test = suite("Segment journal: opening");
const options = { host: "rack 7/host", createdBy: "ioasis 1.2.3" };

async function fails(directory: string, code: string, message: RegExp, readOnly = false): Promise<void> {
  const error = await openSegmentJournal(directory, { ...options, readOnly }).then(
    () => null,
    (reason) => reason,
  );
  assert.is(error?.code, code);
  assert.match(error.message, message);
}

test("makes the directory, with an identity of its own that stays", async () => {
  const directory = path.join(temporaryDirectory(), "deep/down");
  const journal = await openSegmentJournal(directory, options);
  assert.match(journal.replica, /^rack-7-host-[0-9a-f]{8}$/);
  await journal.close();
  await journal.close();
  const format = JSON.parse(readFileSync(path.join(directory, "format.json"), "utf8"));
  assert.equal(format, { format: 1, replica: journal.replica, createdBy: "ioasis 1.2.3" });
  const again = await openSegmentJournal(directory, { host: "other" });
  assert.is(again.replica, journal.replica);
  await again.close();
});

test("everything is there again after closing", async () => {
  const directory = temporaryDirectory();
  const journal = await openSegmentJournal(directory, options);
  const info = await fill(journal, "guest", [10, 5000, 5001]);
  await journal.recordImport({
    id: "i",
    file: "f",
    format: "qemu",
    offset: 5,
    sha256: "00",
    settled: { "": { facts: 1, sha256: "11" } },
  });
  const [imports, live] = [journal.imports(), picture(journal.live("guest"))];
  await journal.close();
  const again = await openSegmentJournal(directory, options);
  assert.equal(again.context("guest"), info);
  assert.equal(again.imports(), imports);
  assert.equal(picture(again.live("guest")), live);
  assert.equal(picture(again.state("guest")), live);
  assert.is(again.recovered, null);
  await fill(again, "guest", [5010]);
  assert.is(again.live("guest").version, 5010);
  await again.close();
});

test("refuses what is not a journal, or a newer one", async () => {
  const directory = temporaryDirectory();
  await fails(path.join(directory, "none"), "ERR_INPUT", /no journal in .*none/, true);
  writeFileSync(path.join(directory, "photo.jpg"), "x");
  await fails(directory, "ERR_INPUT", /holds other files \(photo\.jpg\) and is no journal/);
  await fails(path.join(directory, "photo.jpg"), "ERR_INPUT", /is not a directory/);
  await fails(path.join(directory, "photo.jpg/below"), "ERR_DISK", /cannot open the journal/);
  const journal = path.join(directory, "journal");
  await (await openSegmentJournal(journal, options)).close();
  writeFileSync(path.join(journal, "format.json"), '{"format":2,"replica":"x","createdBy":"ioasis 9.0.0"}');
  await fails(journal, "ERR_NEWER", /format 2, made by a newer ioasis \(ioasis 9\.0\.0\)\. Upgrade/);
  writeFileSync(path.join(journal, "format.json"), '{"format":1');
  await fails(journal, "ERR_DAMAGED", /format\.json is damaged/);
});

test("a journal whose identity is gone is damaged, not new", async () => {
  const disk = new FakeDisk();
  const journal = await openSegmentJournal("/j", { ...options, disk });
  await fill(journal, "guest", [10]);
  await journal.close();
  disk.remove("/j/format.json");
  const error = await openSegmentJournal("/j", { ...options, disk }).catch((reason) => reason);
  assert.is(error.code, "ERR_DAMAGED");
});

test("a creation that was cut short is completed", async () => {
  const directory = temporaryDirectory();
  mkdirSync(path.join(directory, "segments"));
  writeFileSync(path.join(directory, "lock"), "");
  writeFileSync(path.join(directory, "format.json.tmp"), '{"for');
  await (await openSegmentJournal(directory, options)).close();
});

test("one may write, who else tries is told which process does", async () => {
  const directory = temporaryDirectory();
  const journal = await openSegmentJournal(directory, options);
  await fails(directory, "ERR_LOCKED", new RegExp(`open for writing in process ${process.pid}\\.`));
  await journal.close();
  await (await openSegmentJournal(directory, options)).close();
});

test("readers need no lock, write nothing and see what was there when they opened", async () => {
  const directory = temporaryDirectory();
  const journal = await openSegmentJournal(directory, options);
  await fill(journal, "guest", [10]);
  const reader = await openSegmentJournal(directory, { ...options, readOnly: true });
  const appends = Array.from({ length: 20 }, (_, i) => journal.append("guest", sampleBatch(11 + i, 11 + i)));
  for (let i = 0; i < 20; i++) {
    const other = await openSegmentJournal(directory, { ...options, readOnly: true });
    const { head } = other.context("guest") ?? { head: { version: 0 } };
    assert.ok(head.version >= 10 && head.version <= 30);
    assert.is(other.state("guest").version, head.version);
    assert.ok((await other.verify()).ok);
    await other.close();
  }
  await Promise.all(appends);
  assert.is(reader.context("guest")?.head.version, 10);
  assert.is(reader.state("guest").version, 10);
  assert.is(
    (await reader.append("guest", sampleBatch(11, 11)).catch((error) => error)).message,
    "assertion failed: the journal was opened for reading only",
  );
  await reader.close();
  await journal.close();
});

test("goes on in the next file when one is full, and reads across", async () => {
  const disk = new FakeDisk();
  const journal = await openSegmentJournal("/j", { ...options, disk });
  await journal.create("guest", "iommufd");
  const big = () =>
    journal.recordImport({ id: "big", file: "x".repeat(20 << 20), format: "", offset: 0, sha256: "", settled: {} });
  for (let i = 0; i < 3; i++) await big();
  await fill(journal, "guest", [500]);
  await big();
  const { head } = await fill(journal, "guest", [900]);
  const files = disk.list("/j/segments") ?? [];
  assert.equal(files, ["00000001.log", "00000002.log"]);
  for (const file of files) assert.ok((disk.readWhole(`/j/segments/${file}`)?.length ?? 0) <= SEGMENT_BYTES_MAX);
  await journal.close();
  const again = await openSegmentJournal("/j", { ...options, disk });
  assert.equal(again.context("guest")?.head, head);
  assert.is(again.state("guest", 700).version, 700);
  assert.ok((await again.verify()).ok);
  await again.close();
});

test("snapshots at a clean close when much is new, and keeps the newest few", async () => {
  const disk = new FakeDisk();
  const session = async (events: number) => {
    const journal = await openSegmentJournal("/j", { ...options, disk });
    const { head } = await fill(journal, "guest", [(journal.context("guest")?.head.version ?? 0) + events]);
    await journal.close();
    const versions = (disk.list("/j/snapshots") ?? []).map((name) => Number(/-(\d+)\.snap$/.exec(name)?.[1]));
    return { head, versions: versions.sort((a, b) => a - b) };
  };
  // Frames count too: the record that made the context, blocks, leaf borders.
  const enough = SNAPSHOT_CLOSE_WORK + 1;
  const little = SNAPSHOT_CLOSE_WORK - 4 * SNAPSHOT_BLOCK_WORK;
  assert.equal((await session(little)).versions, []);
  assert.equal((await session(enough - little)).versions, [enough]);
  assert.equal((await session(100)).versions, [enough]);
  for (let i = 0; i < 3; i++) await session(enough);
  const { versions, head } = await session(0 + LEAF_VERSIONS);
  assert.is(versions.length, SNAPSHOTS_KEPT_MAX);
  const reader = await openSegmentJournal("/j", { ...options, disk, readOnly: true });
  for (const version of [...versions, head.version, 5, 7000])
    assert.is(reader.state("guest", version).version, version);
  await reader.close();
});

test("the real disk tells kinds apart and lists nothing of what is absent", () => {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, "a"), "abc");
  assert.equal(nodeDisk.list(directory), ["a"]);
  assert.is(nodeDisk.list(path.join(directory, "b")), null);
  assert.is(nodeDisk.readWhole(path.join(directory, "b")), null);
  assert.equal([directory, path.join(directory, "a"), path.join(directory, "b"), "/dev/null"].map(nodeDisk.kindOf), [
    "directory",
    "file",
    null,
    "other",
  ]);
  assert.ok((nodeDisk.freeBytes(directory) ?? 0) > 0);
});

test.run();
