/** Reads a chapter where it lies: which rows touch a range, which were alive, when a version was made. */
import {
  type ChapterDirectory,
  type ChapterHead,
  decodeSnapshot,
  MARK_ACTOR,
  MARK_CLOCK,
  MARK_COLUMNS,
  MARK_ERRNO,
  MARK_TICKS,
  PAGE_ROWS,
  type PackedPage,
  type PageDirectory,
  ROW_COLUMNS,
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
  ROW_RUNS,
  ROW_SIZE,
  ROW_TRAITS,
  ROW_VALUE,
  ROW_VERSION,
  readChapter,
  readPage,
  readRunList,
  ZONE_SHIFT,
} from "@ioasis/codec";
import {
  type Actor,
  type Area,
  type ClockColumn,
  type ColdEvent,
  type ContextState,
  clipRuns,
  type Decimal,
  type Errno,
  errnoOfCode,
  evolve,
  type IoasHandle,
  type Iova,
  PROTS,
  type Prot,
  type Range,
  type Run,
  type Stamp,
  sourceOf,
  stampToJson,
  ticksAt,
  WHOLE_SPACE,
} from "@ioasis/core";
import type { ChapterBytes } from "@ioasis/store";
import type { Carry } from "./chapter-draft.ts";
import type { EventMark } from "./event-mark.ts";
import type { PageCache } from "./page-cache.ts";

/** Pages whose zones are looked at together first. */
const GROUP_PAGES = 32;
/** Chapters and pages in the key of a page. */
const PAGES_MAX = 0x40_0000;

/** A record event that may matter whatever addresses are asked for. */
export interface Landmark {
  readonly version: number;
  readonly event: ColdEvent<IoasHandle>;
}

const LANDMARKS: ReadonlySet<string> = new Set([
  "IoasDestroyed",
  "EventsLost",
  "DeviceAttached",
  "DeviceDetached",
  "DeviceUnbound",
]);
/** Record events that change no state. */
const STILL: ReadonlySet<string> = new Set([
  "ContextCreated",
  "DriverChanged",
  "CallRefused",
  "FaultReported",
  "ClockAnchored",
]);

type Visit = (page: PackedPage, row: number, ioas: IoasHandle) => void;

type VisitRow = (page: PackedPage, row: number) => void;

export interface Neighbour {
  readonly area: Area;
  readonly ioas: IoasHandle;
}

export class Chapter {
  readonly head: ChapterHead;
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly landmarks: readonly Landmark[];
  readonly #bytes: ChapterBytes;
  readonly #directory: ChapterDirectory;
  readonly #cache: PageCache;
  readonly #key: number;
  /** Zones of `GROUP_PAGES` pages each. */
  readonly #groups: Zones;
  /** What changes the state without its areas, in order: a record event, or the handle of a space first named. */
  readonly #changes: readonly { readonly version: number; readonly event: ColdEvent<IoasHandle> | IoasHandle }[];
  #state: { readonly state: ContextState; readonly until: number; readonly next: number } | null = null;

  /**
   * `key`: a number of its own among those that share `cache`.
   * @throws IoasisError ERR_BLOCK, ERR_NEWER
   */
  constructor(bytes: ChapterBytes, key: number, cache: PageCache) {
    this.#bytes = bytes;
    this.#directory = readChapter(bytes.size, bytes.read);
    this.#cache = cache;
    this.#key = key * PAGES_MAX;
    const { head, rows } = this.#directory;
    this.head = head;
    this.firstVersion = head.firstVersion;
    this.lastVersion = head.firstVersion + head.count - 1;
    this.#groups = groupsOf(rows);
    const records = head.records.map((event, i) => ({ version: head.recordVersions[i] as number, event }));
    this.landmarks = records.filter(({ event }) => LANDMARKS.has(event.type));
    const founded = head.founded.map(([version, event]) => ({ version, event }));
    this.#changes = [...founded, ...records.filter(({ event }) => !STILL.has(event.type))].sort(
      (a, b) => a.version - b.version,
    );
  }

  /** Rows of ranges that were mapped at `version` and touch `range`, by address. */
  mappedIn({ first, last }: Range, version: number, visit: Visit): void {
    const at = version - this.firstVersion;
    this.#rowsIn(first, last, at, at + 1, (page, row) => {
      if (this.#isMappedAt(page, row, at)) visit(page, row, page.number(ROW_IOAS, row) - 1);
    });
  }

  /** Rows that touch `range` and may have begun or ended at the versions `from` ... `to`. */
  rowsAround({ first, last }: Range, from: number, to: number, visit: VisitRow): void {
    this.#rowsIn(first, last, to - this.firstVersion, from - this.firstVersion, visit);
  }

  /** Of the ranges mapped at `version` and wholly below `iova`, one of `spaces`, that which ends highest. */
  below(iova: bigint, version: number, spaces: ReadonlySet<IoasHandle>): Neighbour | null {
    if (iova === 0n) return null;
    const at = version - this.firstVersion;
    const { rows } = this.#directory;
    const top = Number((iova - 1n) >> ZONE_SHIFT);
    let best = -1n;
    let bestIoas = 0;
    let found: { readonly page: PackedPage; readonly row: number } | null = null;
    for (let index = rows.pages - 1; index >= 0; index--) {
      if ((rows.leastIova[index] as number) > top) continue;
      if ((rows.leastBorn[index] as number) > at || (rows.greatestEnded[index] as number) <= at) continue;
      if (found !== null && (rows.greatestLast[index] as number) < Number(best >> ZONE_SHIFT)) continue;
      const page = this.#rowPage(index);
      const widest = rows.greatestSize[index] as bigint;
      for (let row = rowsUpTo(page, iova - 1n) - 1; row >= 0; row--) {
        const first = page.bigint(ROW_IOVA, row);
        if (first + widest < best) break;
        const last = first + page.bigint(ROW_SIZE, row);
        if (last >= iova || last < best || !this.#isMappedAt(page, row, at)) continue;
        const ioas = page.number(ROW_IOAS, row) - 1;
        if (!spaces.has(ioas) || (last === best && ioas > bestIoas)) continue;
        best = last;
        bestIoas = ioas;
        found = { page, row };
      }
    }
    return found === null ? null : { area: areaAt(found.page, found.row), ioas: bestIoas };
  }

  /** Of the ranges mapped at `version` that begin above `iova`, one of `spaces`, the lowest. */
  above(iova: bigint, version: number, spaces: ReadonlySet<IoasHandle>): Neighbour | null {
    const at = version - this.firstVersion;
    const { rows } = this.#directory;
    const bottom = Number(iova >> ZONE_SHIFT);
    let best: bigint | null = null;
    let bestIoas = 0;
    let found: { readonly page: PackedPage; readonly row: number } | null = null;
    for (let index = 0; index < rows.pages; index++) {
      if ((rows.greatestLast[index] as number) < bottom) continue;
      if ((rows.leastBorn[index] as number) > at || (rows.greatestEnded[index] as number) <= at) continue;
      if (best !== null && (rows.leastIova[index] as number) > Number(best >> ZONE_SHIFT)) break;
      const page = this.#rowPage(index);
      for (let row = rowsUpTo(page, iova); row < page.rows; row++) {
        const first = page.bigint(ROW_IOVA, row);
        if (best !== null && first > best) break;
        if (!this.#isMappedAt(page, row, at)) continue;
        const ioas = page.number(ROW_IOAS, row) - 1;
        if (!spaces.has(ioas) || (first === best && ioas > bestIoas)) continue;
        best = first;
        bestIoas = ioas;
        found = { page, row };
      }
    }
    return found === null ? null : { area: areaAt(found.page, found.row), ioas: bestIoas };
  }

  /** When and by whom `version` was made. */
  mark(version: number): EventMark {
    const page = this.#markPage(version);
    const row = (version - this.firstVersion) % PAGE_ROWS;
    const actor = page.number(MARK_ACTOR, row);
    return {
      version,
      ...stampToJson(this.stamp(version)),
      actor: actor === 0 ? null : (this.head.actors[actor - 1] as Actor),
    };
  }

  stamp(version: number): Stamp | null {
    const page = this.#markPage(version);
    const row = (version - this.firstVersion) % PAGE_ROWS;
    const code = page.number(MARK_CLOCK, row);
    if (code === 0) return null;
    const { clock, decimals } = this.head.clocks[code - 1] as ClockColumn;
    return { clock, decimals, ticks: BigInt.asIntN(64, page.bigint(MARK_TICKS, row)) };
  }

  /** The last version up to `to` whose event `clock` stamped at or before `seconds`, or null. */
  lastAt(clock: string, seconds: Decimal, to: number): number | null {
    const { clocks, leastTicks } = this.head;
    // The highest ticks that count, by code of the clock; other clocks never count.
    const limits = clocks.map((column, i) => {
      const limit = column.clock === clock ? ticksAt(seconds, column.decimals) : null;
      return limit !== null && (leastTicks[i] as bigint) <= limit ? limit : null;
    });
    if (limits.every((limit) => limit === null)) return null;
    for (let version = Math.min(to, this.lastVersion); version >= this.firstVersion; version--) {
      const page = this.#markPage(version);
      const row = (version - this.firstVersion) % PAGE_ROWS;
      const limit = limits[page.number(MARK_CLOCK, row) - 1] ?? null;
      if (limit !== null && BigInt.asIntN(64, page.bigint(MARK_TICKS, row)) <= limit) return version;
    }
    return null;
  }

  errno(version: number): Errno | null {
    const row = (version - this.firstVersion) % PAGE_ROWS;
    return errnoOfCode(this.#markPage(version).number(MARK_ERRNO, row));
  }

  /** The state at `version` without its areas and what its maps and unmaps spoke of here: for looking, shared. */
  recordsAt(version: number): ContextState {
    const kept = this.#state;
    if (kept !== null && kept.state.version <= version && version < kept.until) return kept.state;
    const isAhead = kept === null || kept.until > version;
    const state = isAhead ? this.#startState() : kept.state;
    const next = this.#fold(state, isAhead ? 0 : kept.next, version);
    this.#state = { state, until: this.#changes[next]?.version ?? Number.POSITIVE_INFINITY, next };
    return state;
  }

  /** The whole state at `version`, a new object. */
  stateAt(version: number): ContextState {
    const state = this.#recordsAndKnownAt(version);
    this.mappedIn(WHOLE_SPACE, version, (page, row, ioas) => {
      const { first, last } = rangeAt(page, row);
      const runs = clipRuns(runsAt(page, row), first, last);
      const fd = page.number(ROW_FD, row) - 1;
      const { areas } = state.space(ioas);
      const traits = page.number(ROW_TRAITS, row);
      areas.insert(first, last, traits, page.bigint(ROW_VALUE, row), fd, runs, page.number(ROW_VERSION, row));
    });
    return state;
  }

  /** Of what events of the chapter spoke first, up to `version`: the ranges of a space that touch `range`. */
  learnedIn(range: Range, ioas: IoasHandle, lostAt: number, version: number): Range[] {
    const ranges: Range[] = [];
    const at = version - this.firstVersion;
    const lost = lostAt - this.firstVersion;
    this.#rowsIn(range.first, range.last, at, 0, (page, row) => {
      if (page.number(ROW_IOAS, row) - 1 !== ioas) return;
      if (!isLearned(page, row, page.number(ROW_HOW, row), this.firstVersion, lost, at)) return;
      ranges.push(rangeAt(page, row));
    });
    return ranges;
  }

  /** What goes into the chapter behind it. */
  carry(): Carry {
    return {
      state: this.#recordsAndKnownAt(this.lastVersion),
      rows: (visit) =>
        this.mappedIn(WHOLE_SPACE, this.lastVersion, (page, row, ioas) => {
          const { first, last } = rangeAt(page, row);
          const fd = page.number(ROW_FD, row) - 1;
          const traits = page.number(ROW_TRAITS, row);
          const value = page.bigint(ROW_VALUE, row);
          visit(ioas, first, last, page.number(ROW_VERSION, row), traits, value, fd, runsAt(page, row));
        }),
    };
  }

  /** The state at `version` without its areas, a new object. */
  #recordsAndKnownAt(version: number): ContextState {
    const state = this.#startState();
    const wasDead = state.spaces.map(({ isAlive }) => !isAlive);
    this.#fold(state, 0, version);
    const at = version - this.firstVersion;
    const lost = state.spaces.map(({ handle, isAlive }) => {
      if (isAlive) return state.lostAt;
      return wasDead[handle] === true ? 0 : this.#lostBeforeEnd(handle);
    });
    this.#rowsIn(WHOLE_SPACE.first, WHOLE_SPACE.last, at, 0, (page, row) => {
      const how = page.number(ROW_HOW, row);
      if ((how & (ROW_LEARNS | ROW_END_LEARNS)) === 0) return;
      const ioas = page.number(ROW_IOAS, row) - 1;
      if (!isLearned(page, row, how, this.firstVersion, (lost[ioas] as number) - this.firstVersion, at)) return;
      const { first, last } = rangeAt(page, row);
      state.space(ioas).known.add(first, last);
    });
    state.version = version;
    return state;
  }

  /** The newest loss of events in the chapter before the end of a space: a later one is none of it. 0: none. */
  #lostBeforeEnd(ioas: IoasHandle): number {
    const isEnd = ({ event }: Landmark): boolean => event.type === "IoasDestroyed" && event.ioas === ioas;
    const end = this.landmarks.findIndex(isEnd);
    return this.landmarks.slice(0, Math.max(0, end)).findLast(({ event }) => event.type === "EventsLost")?.version ?? 0;
  }

  #startState(): ContextState {
    return decodeSnapshot(this.head.state).state;
  }

  /** Folds the changes from `next` on up to `version`. @returns the first that it left */
  #fold(state: ContextState, next: number, version: number): number {
    let at = next;
    for (; at < this.#changes.length; at++) {
      const change = this.#changes[at];
      if (change === undefined || change.version > version) break;
      if (typeof change.event === "number") state.space(change.event);
      else evolve(state, change.event, change.version);
      state.version = change.version;
    }
    return at;
  }

  #isMappedAt(page: PackedPage, row: number, at: number): boolean {
    if (page.number(ROW_ENDED, row) <= at) return false;
    if ((page.number(ROW_HOW, row) & ROW_KIND_MASK) !== ROW_KIND_MAPPED) return false;
    const cut = page.number(ROW_CUT, row);
    return cut > 0 ? cut - 1 <= at : page.number(ROW_VERSION, row) - this.firstVersion <= at;
  }

  /** Rows that touch `[first, last]` in pages of which something was born up to `bornBy` and ended from `endedFrom` on. */
  #rowsIn(first: bigint, last: bigint, bornBy: number, endedFrom: number, visit: VisitRow): void {
    const { rows } = this.#directory;
    const groups = this.#groups;
    const from = Number(first >> ZONE_SHIFT);
    const to = Number(last >> ZONE_SHIFT);
    for (let group = 0; group < groups.length; group++) {
      if ((groups.leastIova[group] as number) > to) return;
      if (!touches(groups, group, from, bornBy, endedFrom)) continue;
      const end = Math.min(rows.pages, (group + 1) * GROUP_PAGES);
      for (let index = group * GROUP_PAGES; index < end; index++) {
        if ((rows.leastIova[index] as number) > to) return;
        if (!touches(rows, index, from, bornBy, endedFrom)) continue;
        const page = this.#rowPage(index);
        const widest = rows.greatestSize[index] as bigint;
        const least = first > widest ? first - widest : 0n;
        for (let row = least === 0n ? 0 : rowsUpTo(page, least - 1n); row < page.rows; row++) {
          const iova = page.bigint(ROW_IOVA, row);
          if (iova > last) break;
          if (iova >= first || iova + page.bigint(ROW_SIZE, row) >= first) visit(page, row);
        }
      }
    }
  }

  #rowPage(index: number): PackedPage {
    return this.#page(this.#directory.rows, index, index, ROW_COLUMNS);
  }

  #markPage(version: number): PackedPage {
    const index = Math.floor((version - this.firstVersion) / PAGE_ROWS);
    return this.#page(this.#directory.marks, index, this.#directory.rows.pages + index, MARK_COLUMNS);
  }

  #page(directory: PageDirectory, index: number, key: number, columns: number): PackedPage {
    return this.#cache.get(this.#key + key, () => {
      const offset = directory.offset[index] as number;
      return readPage(directory, index, columns, this.#bytes.read(offset, directory.length[index] as number));
    });
  }
}

/** The range of a row as it was mapped. */
export function rangeAt(page: PackedPage, row: number): Range {
  const first = page.bigint(ROW_IOVA, row);
  return { first: first as Iova, last: (first + page.bigint(ROW_SIZE, row)) as Iova };
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
  const fd = page.number(ROW_FD, row) - 1;
  return {
    iova: first,
    last,
    prot: PROTS[traits & 3] as Prot,
    source: sourceOf((traits >> 2) & 0xf, page.bigint(ROW_VALUE, row), fd, (traits & 0x40) !== 0, runs),
    version: page.number(ROW_VERSION, row),
  };
}

function runsAt(page: PackedPage, row: number): readonly Run[] | null {
  const at = page.number(ROW_RUNS, row);
  return at === 0 ? null : readRunList(page.tail, at - 1);
}

/** Whether the row's event, or the unmap of the row, spoke first of its range between the versions `lost` and `at`. */
function isLearned(
  page: PackedPage,
  row: number,
  how: number,
  firstVersion: number,
  lost: number,
  at: number,
): boolean {
  if ((how & ROW_LEARNS) !== 0 && page.number(ROW_CUT, row) === 0) {
    const version = page.number(ROW_VERSION, row) - firstVersion;
    if (version > lost && version <= at) return true;
  }
  if ((how & ROW_END_LEARNS) === 0) return false;
  const ended = page.number(ROW_ENDED, row);
  return ended > lost && ended <= at;
}

/** Number of rows of the page that begin at or below `iova`. */
function rowsUpTo(page: PackedPage, iova: bigint): number {
  let low = 0;
  let high = page.rows;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (page.bigint(ROW_IOVA, middle) <= iova) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Zones {
  readonly length: number;
  readonly leastIova: Float64Array;
  readonly greatestLast: Float64Array;
  readonly leastBorn: Uint32Array;
  readonly greatestEnded: Uint32Array;
}

function touches(
  { greatestLast, leastBorn, greatestEnded }: Omit<Zones, "length">,
  index: number,
  from: number,
  bornBy: number,
  endedFrom: number,
): boolean {
  return (
    (greatestLast[index] as number) >= from &&
    (leastBorn[index] as number) <= bornBy &&
    (greatestEnded[index] as number) >= endedFrom
  );
}

function groupsOf(rows: ChapterDirectory["rows"]): Zones {
  const length = Math.ceil(rows.pages / GROUP_PAGES);
  const groups = {
    length,
    leastIova: new Float64Array(length),
    greatestLast: new Float64Array(length),
    leastBorn: new Uint32Array(length),
    greatestEnded: new Uint32Array(length),
  };
  for (let group = 0; group < length; group++) {
    const from = group * GROUP_PAGES;
    const to = Math.min(rows.pages, from + GROUP_PAGES);
    groups.leastIova[group] = rows.leastIova[from] as number;
    groups.greatestLast[group] = Math.max(...rows.greatestLast.subarray(from, to));
    groups.leastBorn[group] = Math.min(...rows.leastBorn.subarray(from, to));
    groups.greatestEnded[group] = Math.max(...rows.greatestEnded.subarray(from, to));
  }
  return groups;
}
