import { readFileSync } from "node:fs";
import path from "node:path";
import { errnoOfCode } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ChapterDirectory,
  MARK_ACTOR,
  MARK_CLOCK,
  MARK_COLUMNS,
  MARK_ERRNO,
  MARK_TICKS,
  ROW_COLUMNS,
  ROW_CUT,
  ROW_ENDED,
  ROW_FD,
  ROW_HOW,
  ROW_IOAS,
  ROW_IOVA,
  ROW_RUNS,
  ROW_SIZE,
  ROW_TRAITS,
  ROW_VALUE,
  ROW_VERSION,
  readChapter,
  readPage,
} from "./chapter.ts";
import { ChapterRows } from "./chapter-rows.ts";
import { PackedPage } from "./packed-page.ts";
import { readRunList } from "./run-list.ts";
import { smallChapter } from "./testing/small-chapter.ts";

const test = suite("Chapter");
const GOLDEN = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/codec/rows-1.chapter");

const opened = (bytes: Uint8Array): ChapterDirectory =>
  readChapter(bytes.length, (offset, length) => bytes.subarray(offset, offset + length));

function pageOf(bytes: Uint8Array, { rows, marks }: ChapterDirectory, of: "rows" | "marks"): PackedPage {
  const directory = of === "rows" ? rows : marks;
  const [offset = 0, length = 0] = [directory.offset[0], directory.length[0]];
  const columns = of === "rows" ? ROW_COLUMNS : MARK_COLUMNS;
  return readPage(directory, 0, columns, bytes.subarray(offset, offset + length));
}

test("bytes that an earlier version wrote are read, and still written", () => {
  const bytes = new Uint8Array(readFileSync(GOLDEN));
  const directory = opened(bytes);
  const { contextId, firstVersion, count, isWhole, founded, records, leastTicks } = directory.head;
  assert.equal([contextId, firstVersion, count, isWhole, founded], ["c0ffee", 1001, 6, false, [[1004, 1]]]);
  assert.equal([records[0]?.type, leastTicks], ["FaultReported", [1_000_001n]]);
  const page = pageOf(bytes, directory, "rows");
  const numbers = [ROW_VERSION, ROW_CUT, ROW_ENDED, ROW_HOW, ROW_IOAS, ROW_TRAITS, ROW_FD, ROW_RUNS];
  const rows = Array.from({ length: page.rows }, (_, row) => [
    page.bigint(ROW_IOVA, row),
    page.bigint(ROW_SIZE, row),
    page.bigint(ROW_VALUE, row),
    ...numbers.map((column) => page.number(column, row)),
  ]);
  assert.equal(rows, [
    [0n, 0xffff_ffff_ffff_ffffn, 0n, 1, 0, 0, 65, 2, 0, 0, 0],
    [0x1000n, 0xffn, 0x100n, 1003, 0, 2, 2, 0, 1, 0, 0],
    [0x1000n, 0x1fffn, 0x8000n, 1001, 0, 1, 16, 1, 10, 10, 0],
    [0x1000n, 0xfffn, 0n, 1002, 0, 1, 1, 1, 0, 0, 0],
    [0x2000n, 0xfffn, 0x9000n, 1001, 2, 6, 0, 1, 10, 10, 0],
    [0x4000n, 0n, 0n, 1006, 0, 5, 4, 0, 0, 0, 0],
    [0x4000n, 0xfffn, 0n, 1004, 0, 4, 8, 2, 0, 0, 1],
    [0xffff_f000n, 0xfffn, 0x7f00_0000_0000n, 17, 0, 6, 0, 1, 6, 0, 0],
  ]);
  assert.equal(readRunList(page.tail, 0), [{ iova: 0x4000n, paddr: 0x9000n, length: 0x1000n }]);
  const marks = pageOf(bytes, directory, "marks");
  assert.equal(
    Array.from({ length: marks.rows }, (_, row) => [
      marks.number(MARK_CLOCK, row),
      marks.bigint(MARK_TICKS, row),
      marks.number(MARK_ACTOR, row),
      errnoOfCode(marks.number(MARK_ERRNO, row)),
    ]),
    [
      [1, 1_000_001n, 1, null],
      [1, 1_000_002n, 0, null],
      [1, 1_000_003n, 1, "EEXIST"],
      [0, 0n, 0, null],
      [1, 1_000_005n, 1, null],
      [1, 1_000_006n, 0, null],
    ],
  );
  assert.equal(smallChapter(), bytes);
});

test("a flipped bit is found: in a page when it is read, anywhere else at once", () => {
  const bytes = smallChapter();
  const { rows, marks } = opened(bytes);
  const pagesEnd = (marks.offset[0] as number) + (marks.length[0] as number);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] = (flipped[at] as number) ^ 0x10;
    const isPage = at >= (rows.offset[0] as number) && at < pagesEnd;
    assert.throws(() => {
      const directory = opened(flipped);
      if (!isPage) return;
      pageOf(flipped, directory, "rows");
      pageOf(flipped, directory, "marks");
    }, isDamage);
  }
  for (const length of [0, 10, 43, bytes.length - 1]) assert.throws(() => opened(bytes.subarray(0, length)), isDamage);
});

test("pages are in order of address, those of one address in the order of their versions", () => {
  const rows = new ChapterRows(1);
  for (let version = 1; version <= 1000; version++)
    rows.push(0, BigInt((version * 7919) % 64) << 40n, 0xfffn, version, 0, 0, 0n, -1, null);
  const pages = [...rows.pages(1000)];
  assert.is(pages.length, 4);
  let last: readonly [bigint, number] = [-1n, 0];
  for (const { bytes, leastIova } of pages) {
    const page = new PackedPage(bytes, ROW_COLUMNS);
    assert.is(Number(page.bigint(ROW_IOVA, 0) >> 11n), leastIova);
    for (let row = 0; row < page.rows; row++) {
      const next = [page.bigint(ROW_IOVA, row), page.number(ROW_VERSION, row)] as const;
      assert.ok(next[0] > last[0] || (next[0] === last[0] && next[1] > last[1]));
      last = next;
    }
  }
});

function isDamage(error: { readonly code?: string }): boolean {
  return error.code === "ERR_BLOCK" || error.code === "ERR_NEWER";
}

test.run();
