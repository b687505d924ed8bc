/** A chapter of a few rows of every kind, the same at every run. */
import { EventBatch, type Iova } from "@ioasis/core";
import {
  type ChapterHead,
  encodeChapter,
  ROW_KIND_MAP_REFUSED,
  ROW_KIND_MAPPED,
  ROW_KIND_RECORD,
  ROW_KIND_UNMAPPED,
  ROW_LEARNS,
  ROW_TOOK_NOTHING,
  ROW_UNMAPPED_WHOLE,
} from "../chapter.ts";
import { ChapterMarks } from "../chapter-marks.ts";
import { ChapterRows } from "../chapter-rows.ts";

const FIRST = 1001;
const COUNT = 6;
const RUNS = [{ iova: 0x4000n as Iova, paddr: 0x9000n, length: 0x1000n }];
const ACTOR = { comm: "vmm", pid: 7, tid: null, cpu: null, flags: null };

export function smallChapter(): Uint8Array {
  const rows = new ChapterRows(FIRST);
  const end = (row: number, version: number): void => {
    rows.ended[row] = version - FIRST;
  };
  rows.push(0, 0xffff_f000n, 0xfffn, 17, ROW_KIND_MAPPED, 0b0110, 0x7f00_0000_0000n, -1, null);
  end(rows.push(0, 0x1000n, 0x1fffn, FIRST, ROW_KIND_MAPPED | ROW_LEARNS, 0b1010, 0x8000n, 9, null), FIRST + 1);
  const rest = rows.push(0, 0x2000n, 0xfffn, FIRST, ROW_KIND_MAPPED, 0b1010, 0x9000n, 9, null);
  rows.cut[rest] = 2;
  end(rows.push(0, 0x1000n, 0xfffn, FIRST + 1, ROW_KIND_UNMAPPED, 0, 0n, -1, null), FIRST + 1);
  end(rows.push(-1, 0x1000n, 0xffn, FIRST + 2, ROW_KIND_MAP_REFUSED, 1, 0x100n, -1, null), FIRST + 2);
  end(rows.push(1, 0x4000n, 0xfffn, FIRST + 3, ROW_KIND_MAPPED | ROW_UNMAPPED_WHOLE, 0, 0n, -1, RUNS), FIRST + 4);
  end(rows.push(-1, 0x4000n, 0n, FIRST + 5, ROW_KIND_RECORD, 0, 0n, -1, null), FIRST + 5);
  end(rows.push(1, 0n, 0xffff_ffff_ffff_ffffn, 1, ROW_KIND_UNMAPPED | ROW_TOOK_NOTHING, 0, 0n, -1, null), FIRST);
  const head: ChapterHead = {
    contextId: "c0ffee",
    firstVersion: FIRST,
    count: COUNT,
    isWhole: false,
    block: "ab".repeat(32),
    actors: [ACTOR],
    clocks: [{ clock: "trace", decimals: 6 }],
    leastTicks: [1_000_001n],
    mappingClocks: ["trace"],
    records: [
      {
        type: "FaultReported",
        format: "dmar",
        device: null,
        pasid: null,
        iova: 0x4000n as Iova,
        access: "read",
        reason: "",
      },
    ],
    recordVersions: [FIRST + 5],
    founded: [[FIRST + 3, 1]],
    state: Uint8Array.from([1, 2, 3]),
  };
  return encodeChapter(head, [...rows.pages(COUNT)], [...marks().pages()]);
}

function marks(): ChapterMarks {
  const batch = new EventBatch(1, FIRST, COUNT);
  for (let row = 0; row < COUNT; row++)
    batch.push(
      { type: "BookmarkSet", name: "" },
      {
        stamp: row === 3 ? null : { clock: "trace", decimals: 6, ticks: 1_000_001n + BigInt(row) },
        actor: row % 2 === 0 ? ACTOR : null,
        errno: row === 2 ? "EEXIST" : null,
        line: 0,
      },
    );
  const result = new ChapterMarks();
  const codes = Uint32Array.from([0, 1]);
  for (let row = 0; row < COUNT; row++) result.push(batch, row, codes, codes);
  return result;
}
