import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ChapterFiles } from "./chapter-files.ts";
import { type ChapterStore, MemoryChapters } from "./chapter-store.ts";
import { nodeDisk } from "./node-disk.ts";

const ID = "c0ffee";
const name = (firstVersion: number, lastVersion: number) => ({ firstVersion, lastVersion });
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const folder = mkdtempSync(path.join(tmpdir(), "ioasis-chapters-"));
const STORES: Readonly<Record<string, () => ChapterStore>> = {
  files: () => new ChapterFiles(nodeDisk, folder, true),
  memory: () => new MemoryChapters(10),
};

for (const [kind, make] of Object.entries(STORES)) {
  const test = suite(`Chapters in ${kind}`);

  test("what was saved is listed by its versions and read in parts", async () => {
    const store = make();
    assert.equal(store.list(ID), []);
    await store.save(ID, name(101, 250), bytes(4, 5));
    await store.save(ID, name(1, 100), bytes(1, 2, 3));
    await store.save(ID, name(101, 200), bytes(6));
    await store.save("beef", name(1, 7), bytes(9));
    assert.equal(store.list(ID), [name(1, 100), name(101, 200), name(101, 250)]);
    const chapter = store.open(ID, name(1, 100));
    assert.is(chapter?.size, 3);
    assert.equal([...(chapter?.read(1, 2) ?? [])], [2, 3]);
    assert.equal([...(chapter?.read(2, 9) ?? [])], [3]);
    store.remove(ID, name(101, 200));
    store.remove(ID, name(101, 200));
    assert.equal(store.list(ID), [name(1, 100), name(101, 250)]);
    assert.is(store.open(ID, name(101, 200)), null);
  });

  test.run();
}

const test = suite("Chapter files");

test("whoever only reads leaves the directory as it is, and sees what a writer saves", async () => {
  const reader = new ChapterFiles(nodeDisk, folder, false);
  const before = readdirSync(path.join(folder, "index"));
  await reader.save(ID, name(251, 300), bytes(1));
  reader.remove(ID, name(1, 100));
  assert.equal(readdirSync(path.join(folder, "index")), before);
  await new ChapterFiles(nodeDisk, folder, true).save(ID, name(251, 300), bytes(7));
  assert.equal([...(reader.open(ID, name(251, 300))?.read(0, 1) ?? [])], [7]);
  reader.close();
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
