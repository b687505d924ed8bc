/** Reads a chapter where it lies: which rows touch a range, which were alive, when a version was made. */
import {
  type ChapterDirectory,
  type ChapterHead,
  MARK_ACTOR,
  MARK_CLOCK,
  MARK_COLUMNS,
  MARK_ERRNO,
  MARK_TICKS,
  PAGE_ROWS,
  type PackedPage,
  type PageDirectory,
  ROW_COLUMNS,
  ROW_IOVA,
  ROW_SIZE,
  readChapter,
  readPage,
  ZONE_SHIFT,
} from "@ioasis/codec";
import {
  type Actor,
  type Area,
  type ClockColumn,
  type Decimal,
  type Errno,
  errnoOfCode,
  type IoasHandle,
  IoasisError,
  type Range,
  type Stamp,
  stampToJson,
  ticksAt,
} from "@ioasis/core";
import type { ChapterBytes } from "@ioasis/store";
import { ChapterRecords } from "./chapter-records.ts";
import type { EventMark } from "./event-mark.ts";
import type { PageCache } from "./page-cache.ts";
import { areaAt, ioasAt, isMappedAt, rowsUpTo } from "./row-at.ts";
import { Zones } from "./zones.ts";

/** Pages in the key of a page. */
const PAGES_MAX = 0x40_0000;

type Visit = (page: PackedPage, row: number, ioas: IoasHandle) => void;

export interface Neighbour {
  readonly area: Area;
  readonly ioas: IoasHandle;
}

export class Chapter {
  readonly head: ChapterHead;
  readonly firstVersion: number;
  readonly lastVersion: number;
  readonly records: ChapterRecords;
  #bytes: ChapterBytes;
  readonly #repair: () => ChapterBytes | null;
  readonly #directory: ChapterDirectory;
  readonly #zones: Zones;
  readonly #cache: PageCache;
  readonly #key: number;

  /**
   * `key`: a number of its own among those that share `cache`. `repair` builds the same bytes again where some are damaged.
   * @throws IoasisError ERR_BLOCK, ERR_NEWER
   */
  constructor(bytes: ChapterBytes, key: number, cache: PageCache, repair: () => ChapterBytes | null) {
    this.#bytes = bytes;
    this.#repair = repair;
    this.#directory = readChapter(bytes.size, bytes.read);
    this.#cache = cache;
    this.#key = key * PAGES_MAX;
    const { head, rows } = this.#directory;
    this.head = head;
    this.firstVersion = head.firstVersion;
    this.lastVersion = head.firstVersion + head.count - 1;
    this.records = new ChapterRecords(head);
    this.#zones = new Zones(rows);
  }

  /** Rows of ranges that were mapped at `version` and touch `range`, by address. */
  mappedIn({ first, last }: Range, version: number, visit: Visit): void {
    const at = version - this.firstVersion;
    this.#rowsIn(first, last, at, at + 1, (page, row) => {
      if (isMappedAt(page, row, this.firstVersion, at)) visit(page, row, ioasAt(page, row));
    });
  }

  /** Rows that touch `range` and may have begun or ended at the versions `from` ... `to`. */
  rowsAround({ first, last }: Range, from: number, to: number, visit: (page: PackedPage, row: number) => void): void {
    this.#rowsIn(first, last, to - this.firstVersion, from - this.firstVersion, visit);
  }

  /** Pages of which something was born up to the version `bornBy` and ended from `endedFrom` on, by address. */
  pages(bornBy: number, endedFrom: number, visit: (page: PackedPage) => void): void {
    const { firstVersion } = this;
    const asked = {
      from: 0,
      to: Number.POSITIVE_INFINITY,
      bornBy: bornBy - firstVersion,
      endedFrom: endedFrom - firstVersion,
    };
    this.#zones.some(asked, (index) => {
      visit(this.#rowPage(index));
      return false;
    });
  }

  /** Of the ranges mapped at `version` and wholly below `iova`, one of `spaces`, that which ends highest. */
  below(iova: bigint, version: number, spaces: ReadonlySet<IoasHandle>): Neighbour | null {
    if (iova === 0n) return null;
    const at = version - this.firstVersion;
    let best = -1n;
    let found: { readonly page: PackedPage; readonly row: number; readonly ioas: IoasHandle } | null = null;
    const asked = { from: 0, to: Number((iova - 1n) >> ZONE_SHIFT), bornBy: at, endedFrom: at + 1 };
    this.#zones.downwards(asked, (index) => {
      const page = this.#rowPage(index);
      const widest = this.#directory.rows.greatestSize[index] as bigint;
      for (let row = rowsUpTo(page, iova - 1n) - 1; row >= 0; row--) {
        const first = page.bigint(ROW_IOVA, row);
        if (first + widest < best) break;
        const last = first + page.bigint(ROW_SIZE, row);
        if (last >= iova || last < best || !isMappedAt(page, row, this.firstVersion, at)) continue;
        const ioas = ioasAt(page, row);
        if (!spaces.has(ioas) || (last === best && found !== null && ioas > found.ioas)) continue;
        best = last;
        found = { page, row, ioas };
      }
      return best < 0n ? 0 : Number(best >> ZONE_SHIFT);
    });
    return neighbour(found);
  }

  /** Of the ranges mapped at `version` that begin above `iova`, one of `spaces`, the lowest. */
  above(iova: bigint, version: number, spaces: ReadonlySet<IoasHandle>): Neighbour | null {
    const at = version - this.firstVersion;
    let found: { readonly page: PackedPage; readonly row: number; readonly ioas: IoasHandle } | null = null;
    let best = -1n;
    const from = Number(iova >> ZONE_SHIFT);
    this.#zones.some({ from, to: Number.POSITIVE_INFINITY, bornBy: at, endedFrom: at + 1 }, (index) => {
      const page = this.#rowPage(index);
      for (let row = rowsUpTo(page, iova); row < page.rows; row++) {
        const first = page.bigint(ROW_IOVA, row);
        if (found !== null && first > best) return true;
        if (!isMappedAt(page, row, this.firstVersion, at)) continue;
        const ioas = ioasAt(page, row);
        if (!spaces.has(ioas) || (found !== null && ioas > found.ioas)) continue;
        best = first;
        found = { page, row, ioas };
      }
      return false;
    });
    return neighbour(found);
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

  /** Rows that touch `[first, last]`, in pages of which something was born up to `bornBy` and ended from `endedFrom` on. */
  #rowsIn(
    first: bigint,
    last: bigint,
    bornBy: number,
    endedFrom: number,
    visit: (page: PackedPage, row: number) => void,
  ): void {
    const asked = { from: Number(first >> ZONE_SHIFT), to: Number(last >> ZONE_SHIFT), bornBy, endedFrom };
    this.#zones.some(asked, (index) => {
      const page = this.#rowPage(index);
      const widest = this.#directory.rows.greatestSize[index] as bigint;
      for (let row = first > widest ? rowsUpTo(page, first - widest - 1n) : 0; row < page.rows; row++) {
        const iova = page.bigint(ROW_IOVA, row);
        if (iova > last) return true;
        if (iova >= first || iova + page.bigint(ROW_SIZE, row) >= first) visit(page, row);
      }
      return false;
    });
  }

  #rowPage(index: number): PackedPage {
    return this.#page(this.#directory.rows, index, index, ROW_COLUMNS);
  }

  #markPage(version: number): PackedPage {
    const index = Math.floor((version - this.firstVersion) / PAGE_ROWS);
    return this.#page(this.#directory.marks, index, this.#directory.rows.pages + index, MARK_COLUMNS);
  }

  #page(directory: PageDirectory, index: number, key: number, columns: number): PackedPage {
    const kept = this.#cache.get(this.#key + key);
    if (kept !== undefined) return kept;
    const page = this.#readPage(directory, index, columns);
    this.#cache.put(this.#key + key, page);
    return page;
  }

  #readPage(directory: PageDirectory, index: number, columns: number): PackedPage {
    const offset = directory.offset[index] as number;
    const length = directory.length[index] as number;
    try {
      return readPage(directory, index, columns, this.#bytes.read(offset, length));
    } catch (error) {
      const repaired = error instanceof IoasisError ? this.#repair() : null;
      if (repaired === null) throw error;
      this.#bytes = repaired;
      return readPage(directory, index, columns, repaired.read(offset, length));
    }
  }
}

function neighbour(
  found: { readonly page: PackedPage; readonly row: number; readonly ioas: IoasHandle } | null,
): Neighbour | null {
  return found === null ? null : { area: areaAt(found.page, found.row), ioas: found.ioas };
}
