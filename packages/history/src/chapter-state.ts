/** Whole states out of a chapter. */
import {
  PAGE_ROWS,
  type PackedPage,
  ROW_CUT,
  ROW_END_LEARNS,
  ROW_ENDED,
  ROW_FD,
  ROW_HOW,
  ROW_IOAS,
  ROW_IOVA,
  ROW_KIND_MAPPED,
  ROW_KIND_MASK,
  ROW_LEARNS,
  ROW_SIZE,
  ROW_TRAITS,
  ROW_VALUE,
  ROW_VERSION,
} from "@ioasis/codec";
import { type AreaTable, type ContextState, clipRuns, type IoasHandle, type Range, type Run } from "@ioasis/core";
import type { Chapter } from "./chapter.ts";
import type { Carry } from "./chapter-draft.ts";
import { ioasAt, rangeAt, runsAt } from "./row-at.ts";

const LEARNS = ROW_LEARNS | ROW_END_LEARNS;

/** The whole state at `version`, a new object. */
export function stateOf(chapter: Chapter, version: number): ContextState {
  const state = recordsAndKnown(chapter, version);
  let ioas = -1;
  let areas: AreaTable | null = null;
  eachMapped(chapter, version, (columns, row, runs) => {
    const { iova, last, traits, fd, mapped } = columns;
    if ((columns.ioas[row] as number) - 1 !== ioas || areas === null) {
      ioas = (columns.ioas[row] as number) - 1;
      areas = state.space(ioas).areas;
    }
    areas.insertRow(
      columns,
      row,
      traits[row] as number,
      (fd[row] as number) - 1,
      runs === null ? null : clipRuns(runs, longAt(iova, row), longAt(last, row)),
      mapped[row] as number,
    );
  });
  return state;
}

/** What goes into the chapter behind it. */
export function carryOf(chapter: Chapter): Carry {
  const { lastVersion } = chapter;
  return {
    state: recordsAndKnown(chapter, lastVersion),
    rows: (visit) =>
      eachMapped(chapter, lastVersion, ({ ioas, iova, last, mapped, traits, value, fd }, row, runs) =>
        visit(
          (ioas[row] as number) - 1,
          longAt(iova, row),
          longAt(last, row),
          mapped[row] as number,
          traits[row] as number,
          longAt(value, row),
          (fd[row] as number) - 1,
          runs,
        ),
      ),
  };
}

/** Of what events of the chapter were the first to speak of since `lostAt`: the ranges of a space that touch `range`. */
export function learnedIn(chapter: Chapter, range: Range, ioas: IoasHandle, lostAt: number, version: number): Range[] {
  const ranges: Range[] = [];
  chapter.rowsAround(range, chapter.firstVersion, version, (page, row) => {
    const how = page.number(ROW_HOW, row);
    if (ioasAt(page, row) === ioas && isLearned(chapter, page, row, how, lostAt, version))
      ranges.push(rangeAt(page, row));
  });
  return ranges;
}

function recordsAndKnown(chapter: Chapter, version: number): ContextState {
  const { state, lostAt } = chapter.records.freshAt(version);
  const how = new Float64Array(PAGE_ROWS);
  chapter.pages(version, chapter.firstVersion, (page) => {
    if (page.isSame(ROW_HOW) && (page.number(ROW_HOW, 0) & LEARNS) === 0) return;
    page.numbers(ROW_HOW, how);
    for (let row = 0; row < page.rows; row++) {
      if (((how[row] as number) & LEARNS) === 0) continue;
      const ioas = ioasAt(page, row);
      if (!isLearned(chapter, page, row, how[row] as number, lostAt[ioas] as number, version)) continue;
      const { first, last } = rangeAt(page, row);
      state.space(ioas).known.add(first, last);
    }
  });
  return state;
}

/** Whether the row's event, or the unmap of the row, spoke first of its range between the versions `lostAt` and `version`. */
function isLearned(
  { firstVersion }: Chapter,
  page: PackedPage,
  row: number,
  how: number,
  lostAt: number,
  version: number,
): boolean {
  if ((how & ROW_LEARNS) !== 0 && page.number(ROW_CUT, row) === 0) {
    const own = page.number(ROW_VERSION, row);
    if (own > lostAt && own <= version) return true;
  }
  if ((how & ROW_END_LEARNS) === 0) return false;
  const ended = firstVersion + page.number(ROW_ENDED, row);
  return ended > lostAt && ended <= version;
}

/** Columns of a page: numbers a row, or halves (low, high). */
interface Columns {
  readonly ioas: Float64Array;
  readonly iova: Uint32Array;
  readonly last: Uint32Array;
  readonly mapped: Float64Array;
  readonly traits: Float64Array;
  readonly value: Uint32Array;
  readonly fd: Float64Array;
}

/** Ranges mapped at `version`, ascending. Reads columns, not rows, and of those only what is needed. */
function eachMapped(
  chapter: Chapter,
  version: number,
  visit: (columns: Columns, row: number, runs: readonly Run[] | null) => void,
): void {
  const at = version - chapter.firstVersion;
  const numbers = (): Float64Array => new Float64Array(PAGE_ROWS);
  const halves = (): Uint32Array => new Uint32Array(2 * PAGE_ROWS);
  const [ended, how, cut] = [numbers(), numbers(), numbers()];
  const [ioas, mapped, traits, fd] = [numbers(), numbers(), numbers(), numbers()];
  const [iova, last, value] = [halves(), halves(), halves()];
  const columns: Columns = { ioas, iova, last, mapped, traits, value, fd };
  const rows = new Uint16Array(PAGE_ROWS);
  chapter.pages(version, version + 1, (page) => {
    page.numbers(ROW_ENDED, ended);
    page.numbers(ROW_HOW, how);
    page.numbers(ROW_CUT, cut);
    page.numbers(ROW_VERSION, mapped);
    let count = 0;
    for (let row = 0; row < page.rows; row++) {
      if ((ended[row] as number) <= at || ((how[row] as number) & ROW_KIND_MASK) !== ROW_KIND_MAPPED) continue;
      const cutAt = cut[row] as number;
      if (cutAt > 0 ? cutAt - 1 <= at : (mapped[row] as number) <= version) rows[count++] = row;
    }
    if (count === 0) return;
    page.numbers(ROW_IOAS, ioas);
    page.numbers(ROW_TRAITS, traits);
    page.numbers(ROW_FD, fd);
    page.halves(ROW_IOVA, iova);
    page.halves(ROW_SIZE, last);
    page.halves(ROW_VALUE, value);
    addHalves(last, iova, page.rows);
    for (let i = 0; i < count; i++) {
      const row = rows[i] as number;
      visit(columns, row, page.hasTail ? runsAt(page, row) : null);
    }
  });
}

/** Adds `by` to `to`, row by row. */
function addHalves(to: Uint32Array, by: Uint32Array, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const sum = (to[2 * row] as number) + (by[2 * row] as number);
    to[2 * row] = sum;
    to[2 * row + 1] = (to[2 * row + 1] as number) + (by[2 * row + 1] as number) + (sum > 0xffff_ffff ? 1 : 0);
  }
}

function longAt(halves: Uint32Array, row: number): bigint {
  return (BigInt(halves[2 * row + 1] as number) << 32n) | BigInt(halves[2 * row] as number);
}
