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

/** The whole state at `version`, a new object. */
export function stateOf(chapter: Chapter, version: number): ContextState {
  const state = recordsAndKnown(chapter, version);
  let ioas = -1;
  let areas: AreaTable | null = null;
  eachMapped(chapter, version, (space, first, last, mapped, traits, value, fd, runs) => {
    if (space !== ioas || areas === null) areas = state.space(space).areas;
    ioas = space;
    areas.insert(first, last, traits, value, fd, clipRuns(runs, first, last), mapped);
  });
  return state;
}

/** What goes into the chapter behind it. */
export function carryOf(chapter: Chapter): Carry {
  const { lastVersion } = chapter;
  return {
    state: recordsAndKnown(chapter, lastVersion),
    rows: (visit) => eachMapped(chapter, lastVersion, visit),
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
    page.numbers(ROW_HOW, how);
    for (let row = 0; row < page.rows; row++) {
      if (((how[row] as number) & (ROW_LEARNS | ROW_END_LEARNS)) === 0) continue;
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

/** Ranges mapped at `version`, ascending. Reads columns, not rows. */
function eachMapped(chapter: Chapter, version: number, visit: Parameters<Carry["rows"]>[0]): void {
  const { firstVersion } = chapter;
  const at = version - firstVersion;
  const numbers = (): Float64Array => new Float64Array(PAGE_ROWS);
  const [ended, how, cut, mapped, ioas, traits, fd] = Array.from({ length: 7 }, numbers) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const [iova, size, value] = [0, 0, 0].map(() => new BigUint64Array(PAGE_ROWS)) as [
    BigUint64Array,
    BigUint64Array,
    BigUint64Array,
  ];
  chapter.pages(version, version + 1, (page) => {
    page.numbers(ROW_ENDED, ended);
    page.numbers(ROW_HOW, how);
    page.numbers(ROW_CUT, cut);
    page.numbers(ROW_VERSION, mapped);
    page.numbers(ROW_IOAS, ioas);
    page.numbers(ROW_TRAITS, traits);
    page.numbers(ROW_FD, fd);
    page.bigints(ROW_IOVA, iova);
    page.bigints(ROW_SIZE, size);
    page.bigints(ROW_VALUE, value);
    for (let row = 0; row < page.rows; row++) {
      if ((ended[row] as number) <= at || ((how[row] as number) & ROW_KIND_MASK) !== ROW_KIND_MAPPED) continue;
      const cutAt = cut[row] as number;
      if (cutAt > 0 ? cutAt - 1 > at : (mapped[row] as number) > version) continue;
      const first = iova[row] as bigint;
      const runs: readonly Run[] | null = page.hasTail ? runsAt(page, row) : null;
      visit(
        (ioas[row] as number) - 1,
        first,
        first + (size[row] as bigint),
        mapped[row] as number,
        traits[row] as number,
        value[row] as bigint,
        (fd[row] as number) - 1,
        runs,
      );
    }
  });
}
