/** What a row of a chapter says: see docs/FORMAT.md for its columns. */
import {
  type PackedPage,
  ROW_CUT,
  ROW_ENDED,
  ROW_FD,
  ROW_HOW,
  ROW_IOAS,
  ROW_IOVA,
  ROW_KIND_MAPPED,
  ROW_KIND_MASK,
  ROW_RUNS,
  ROW_SIZE,
  ROW_TRAITS,
  ROW_VALUE,
  ROW_VERSION,
  readRunList,
} from "@ioasis/codec";
import {
  type Area,
  clipRuns,
  type IoasHandle,
  type Iova,
  PROTS,
  type Prot,
  type Range,
  type Run,
  sourceOf,
} from "@ioasis/core";

export function rangeAt(page: PackedPage, row: number): Range {
  const first = page.bigint(ROW_IOVA, row);
  return { first: first as Iova, last: (first + page.bigint(ROW_SIZE, row)) as Iova };
}

/** -1: no space is named. */
export function ioasAt(page: PackedPage, row: number): IoasHandle {
  return page.number(ROW_IOAS, row) - 1;
}

/** Whether the row is a range that was mapped `at` versions behind `firstVersion`. */
export function isMappedAt(page: PackedPage, row: number, firstVersion: number, at: number): boolean {
  if (page.number(ROW_ENDED, row) <= at) return false;
  if ((page.number(ROW_HOW, row) & ROW_KIND_MASK) !== ROW_KIND_MAPPED) return false;
  const cut = page.number(ROW_CUT, row);
  return cut > 0 ? cut - 1 <= at : page.number(ROW_VERSION, row) - firstVersion <= at;
}

/** The mapped range of a row. */
export function areaAt(page: PackedPage, row: number): Area {
  const { first, last } = rangeAt(page, row);
  return areaWith(page, row, clipRuns(runsAt(page, row), first, last));
}

/** The same with its physical runs as its map told them, which may go beyond it. */
export function mappedAreaAt(page: PackedPage, row: number): Area {
  return areaWith(page, row, runsAt(page, row));
}

function areaWith(page: PackedPage, row: number, runs: readonly Run[] | null): Area {
  const { first, last } = rangeAt(page, row);
  const traits = page.number(ROW_TRAITS, row);
  const value = page.bigint(ROW_VALUE, row);
  return {
    iova: first,
    last,
    prot: PROTS[traits & 3] as Prot,
    source: sourceOf((traits >> 2) & 0xf, value, page.number(ROW_FD, row) - 1, (traits & 0x40) !== 0, runs),
    version: page.number(ROW_VERSION, row),
  };
}

export function runsAt(page: PackedPage, row: number): readonly Run[] | null {
  const at = page.number(ROW_RUNS, row);
  return at === 0 ? null : readRunList(page.tail, at - 1);
}

/** Number of rows of the page that begin at or below `iova`. */
export function rowsUpTo(page: PackedPage, iova: bigint): number {
  let low = 0;
  let high = page.rows;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (page.bigint(ROW_IOVA, middle) <= iova) low = middle + 1;
    else high = middle;
  }
  return low;
}
