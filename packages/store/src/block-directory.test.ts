/** The directory of pages: how many there are, and that every block is found through them. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { BlockDirectory } from "./block-directory.ts";
import { PAGE_BLOCKS_MAX, PAGE_BYTES_MAX, PAGE_DISTANCE_MAX } from "./limits.ts";
import { openMemoryJournal } from "./memory-journal.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";
import { picture, sampleBatch } from "./testing/sample-history.ts";

const test = suite("Block directory");

/** Pages of `blocks` blocks of `length` bytes, each `step` bytes of the log behind the one before. */
function pages(blocks: number, length: number, step: number, contexts: number): number {
  const directory = new BlockDirectory();
  for (let i = 0; i < blocks; i++)
    directory.push({ firstVersion: i + 1, segment: 1, offset: i * step, sequence: i + 2, length }, contexts);
  return directory.length;
}

test("a page ends with its blocks, its bytes, its distance in the log, its segment", () => {
  assert.is(pages(100 * PAGE_BLOCKS_MAX, 300, 360, 1), 100);
  assert.is(pages(100, PAGE_BYTES_MAX, PAGE_BYTES_MAX + 60, 1), 100);
  assert.is(pages(100, 300, PAGE_DISTANCE_MAX / 10, 1), 10);
  assert.is(pages(100, 300, PAGE_DISTANCE_MAX / 10, 10), 1, "many contexts share the log: pages reach further");
  const directory = new BlockDirectory();
  for (const segment of [1, 1, 2, 2])
    directory.push({ firstVersion: segment, segment, offset: 0, sequence: 1, length: 1 }, 1);
  assert.is(directory.length, 2);
});

test("100 million blocks of one event take less than 10 MB", () => {
  const entries = pages(1_000_000, 300, 360, 1);
  assert.ok(entries * 100 * 20 < 10e6, `${entries} pages a million`);
});

test("comes back as it was saved, and then begins a page", () => {
  const directory = new BlockDirectory();
  const push = (to: BlockDirectory, i: number) =>
    to.push({ firstVersion: i * 3 + 1, segment: 1, offset: i * PAGE_DISTANCE_MAX, sequence: i, length: 9 }, 1);
  for (let i = 0; i < 100; i++) push(directory, i);
  const back = new BlockDirectory();
  back.restore(directory.save());
  assert.is(back.length, 100);
  for (let i = 0; i < 100; i++) assert.equal(back.start(i), directory.start(i));
  for (const [version, page] of [
    [0, -1],
    [1, 0],
    [3, 0],
    [4, 1],
    [298, 99],
    [1e9, 99],
  ] as const)
    assert.is(back.find(version), page);
  back.push({ firstVersion: 301, segment: 1, offset: 99 * PAGE_DISTANCE_MAX + 9, sequence: 100, length: 9 }, 1);
  assert.is(back.length, 101);
});

test("every version of small blocks among those of other contexts is found", async () => {
  const disk = new FakeDisk();
  const journals = [openMemoryJournal(), await openSegmentJournal("/j", { host: "test", disk })];
  const whole = openMemoryJournal();
  await whole.create("a", "iommufd");
  await whole.append("a", sampleBatch(1, 1500));
  for (const journal of journals) {
    for (const name of ["a", "b"]) await journal.create(name, "iommufd");
    const appends: Promise<unknown>[] = [];
    for (let version = 1; version <= 1500; version++) {
      appends.push(journal.append("a", sampleBatch(version, version)));
      if (version % 3 === 0) appends.push(journal.append("b", sampleBatch(version - 2, version)));
    }
    await Promise.all(appends);
  }
  await journals[1]?.close();
  journals[1] = await openSegmentJournal("/j", { host: "test", disk });
  for (const journal of journals)
    for (const name of ["a", "b"]) {
      assert.equal(
        [...journal.blocks(name, 700, 710)].map(({ header }) => header.firstVersion),
        name === "a" ? [700, 701, 702, 703, 704, 705, 706, 707, 708, 709, 710] : [700, 703, 706, 709],
      );
      for (const version of [1, 2, 255, 256, 257, 258, 512, 700, 1023, 1024, 1025, 1499, 1500]) {
        assert.is(journal.digest(name, version), whole.digest("a", version), `${name} at ${version}`);
        assert.equal(picture(journal.state(name, version)), picture(whole.state("a", version)));
      }
    }
  for (const journal of [...journals, whole]) await journal.close();
});

test.run();
