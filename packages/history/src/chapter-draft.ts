/** Folds events into the chapter that they make up. */
import {
  ChapterMarks,
  ChapterRows,
  encodeChapter,
  encodeSnapshot,
  ROW_END_LEARNS,
  ROW_KIND_MAP_REFUSED,
  ROW_KIND_MAPPED,
  ROW_KIND_RECORD,
  ROW_KIND_UNMAP_REFUSED,
  ROW_KIND_UNMAPPED,
  ROW_LEARNS,
  ROW_TOOK_NOTHING,
  ROW_UNMAPPED_WHOLE,
  type RowPage,
} from "@ioasis/codec";
import {
  AreaTable,
  assert,
  type ColdEvent,
  ContextState,
  clipRuns,
  type EventBatch,
  evolve,
  type IoasHandle,
  type Run,
  TYPE_MAP_REFUSED,
  TYPE_MAPPED,
  TYPE_UNMAP_REFUSED,
  TYPE_UNMAPPED,
  U64_MAX,
} from "@ioasis/core";
import { ChapterNames } from "./chapter-names.ts";

/** A chapter ends when `rowsMin` rows came into it, or so many times what was carried into it, whichever is more ... */
const ROWS_PER_CARRIED = 2;
/** ... or when it has this many versions. */
const CHAPTER_VERSIONS_MAX = 0x40_0000;
const PAGES_PER_STEP = 32;

/** What goes from one chapter into the next. */
export interface Carry {
  /** Without areas. */
  readonly state: ContextState;
  /** Every mapped range, ascending within its space. */
  rows(
    visit: (
      ioas: IoasHandle,
      iova: bigint,
      last: bigint,
      version: number,
      traits: number,
      value: bigint,
      fd: number,
      runs: readonly Run[] | null,
    ) => void,
  ): void;
}

export function nothingCarried(): Carry {
  return { state: new ContextState(), rows: () => undefined };
}

export class ChapterDraft {
  readonly contextId: string;
  readonly firstVersion: number;
  /** Everything but areas. */
  readonly #state: ContextState;
  readonly #start: Uint8Array;
  readonly #rows: ChapterRows;
  readonly #rowsMin: number;
  readonly #rowsMax: number;
  readonly #marks = new ChapterMarks();
  readonly #names = new ChapterNames();
  readonly #records: ColdEvent<IoasHandle>[] = [];
  readonly #recordVersions: number[] = [];
  readonly #founded: (readonly [number, IoasHandle])[] = [];
  /** By handle: what is mapped, with the number of its row in the place of the version. */
  readonly #mapped: AreaTable[] = [];

  /** `carry.state` becomes the draft's own. */
  constructor(contextId: string, firstVersion: number, rowsMin: number, carry: Carry) {
    this.contextId = contextId;
    this.firstVersion = firstVersion;
    this.#rowsMin = rowsMin;
    this.#state = carry.state;
    this.#start = encodeSnapshot({ contextId, state: carry.state, digest: new Uint8Array(0) });
    this.#rows = new ChapterRows(firstVersion);
    carry.rows((ioas, iova, last, version, traits, value, fd, runs) => {
      const row = this.#rows.push(ioas, iova, last - iova, version, ROW_KIND_MAPPED, traits, value, fd, runs);
      this.#tableOf(ioas).insert(iova, last, 0, 0n, -1, null, row);
    });
    const carried = this.#rows.length;
    this.#rowsMax = carried + Math.max(rowsMin, ROWS_PER_CARRIED * carried);
  }

  /** The newest version that it holds; the one before its first when it is empty. */
  get lastVersion(): number {
    return this.firstVersion + this.#marks.length - 1;
  }

  /** Nothing more goes into it. */
  get isFull(): boolean {
    return this.#rows.length + this.#records.length >= this.#rowsMax || this.#marks.length >= CHAPTER_VERSIONS_MAX;
  }

  /** Takes rows from the one behind `lastVersion` on, until it is full, the batch ends or it has version `until`. */
  take(batch: EventBatch, until = batch.lastVersion): void {
    const { type } = batch;
    const codes = this.#names.codesOf(batch);
    const end = Math.min(batch.length, until + 1 - batch.firstVersion);
    for (let row = this.lastVersion + 1 - batch.firstVersion; row < end && !this.isFull; row++) {
      const version = batch.firstVersion + row;
      const code = type[row] as number;
      if (code === TYPE_MAPPED) this.#onMapped(batch, row, version);
      else if (code === TYPE_UNMAPPED) this.#onUnmapped(batch, row, version);
      else if (code <= TYPE_UNMAP_REFUSED) this.#onRefused(batch, row, version);
      else this.#onRecord(batch.colds[batch.extra[row] as number] as ColdEvent<IoasHandle>, version);
      this.#marks.push(batch, row, codes.clocks, codes.actors);
      this.#names.note(batch, row, codes);
    }
    this.#state.version = this.lastVersion;
  }

  /** `block`: hash of the block that holds the last version. */
  encode(block: string): Uint8Array {
    const encoding = this.encoding(block);
    for (;;) {
      const { done, value } = encoding.next();
      if (done === true) return value;
    }
  }

  /** The same in steps of some milliseconds, between which the draft must not change. */
  *encoding(block: string): Generator<void, Uint8Array> {
    const { contextId, firstVersion } = this;
    assert(this.#marks.length > 0, "a chapter has versions");
    const head = {
      contextId,
      firstVersion,
      count: this.#marks.length,
      isWhole: this.isFull,
      block,
      ...this.#names.dictionaries(),
      records: this.#records,
      recordVersions: this.#recordVersions,
      founded: this.#founded,
      state: this.#start,
    };
    const rows: RowPage[] = [];
    for (const page of this.#rows.pages(this.#marks.length)) if (rows.push(page) % PAGES_PER_STEP === 0) yield;
    const marks: Uint8Array[] = [];
    for (const page of this.#marks.pages()) if (marks.push(page) % PAGES_PER_STEP === 0) yield;
    return encodeChapter(head, rows, marks);
  }

  /** The chapter behind this one, which must not be used any more. */
  next(): ChapterDraft {
    const { iova, size, version, traits, value, fd, runs } = this.#rows;
    return new ChapterDraft(this.contextId, this.lastVersion + 1, this.#rowsMin, {
      state: this.#state,
      rows: (visit) => {
        for (const [ioas, table] of this.#mapped.entries())
          table.someIn(0n, U64_MAX, (first, last, row) => {
            assert(first === iova[row] && last - first === size[row], "a row is as its range is now");
            const list = runs.get(row) ?? null;
            const mapped = version[row] as number;
            visit(
              ioas,
              first,
              last,
              mapped,
              traits[row] as number,
              value[row] as bigint,
              (fd[row] as number) - 1,
              list,
            );
            return false;
          });
      },
    });
  }

  #onMapped(batch: EventBatch, row: number, version: number): void {
    const ioas = batch.ioas[row] as number;
    const first = batch.iova[row] as bigint;
    const last = batch.last[row] as bigint;
    const learns = this.#learn(ioas, first, last, version) ? ROW_LEARNS : 0;
    const table = this.#tableOf(ioas);
    if (table.overlaps(first, last)) this.#end(ioas, first, last, version);
    const runs = (batch.extra[row] as number) < 0 ? null : (batch.runs[batch.extra[row] as number] ?? null);
    const id = this.#rows.push(
      ioas,
      first,
      last - first,
      version,
      ROW_KIND_MAPPED | learns,
      batch.traits[row] as number,
      batch.value[row] as bigint,
      batch.fd[row] as number,
      runs,
    );
    table.insert(first, last, 0, 0n, -1, null, id);
  }

  #onUnmapped(batch: EventBatch, row: number, version: number): void {
    const ioas = batch.ioas[row] as number;
    const first = batch.iova[row] as bigint;
    const last = batch.last[row] as bigint;
    const learns = this.#learn(ioas, first, last, version);
    const took = (batch.value[row] as bigint) !== 0n || ((batch.traits[row] as number) & 0x80) !== 0;
    if (took) {
      const whole = this.#end(ioas, first, last, version);
      if (whole >= 0) {
        const { how } = this.#rows;
        how[whole] = (how[whole] as number) | ROW_UNMAPPED_WHOLE | (learns ? ROW_END_LEARNS : 0);
        return;
      }
    }
    const how = ROW_KIND_UNMAPPED | (learns ? ROW_LEARNS : 0) | (took ? 0 : ROW_TOOK_NOTHING);
    this.#point(ioas, first, last, version, how, 0, 0n);
  }

  #onRefused(batch: EventBatch, row: number, version: number): void {
    const traits = batch.traits[row] as number;
    const isMap = batch.type[row] === TYPE_MAP_REFUSED;
    // A map that was to choose its own address spoke of none.
    if (isMap && (traits & 0x80) !== 0) return;
    const first = batch.iova[row] as bigint;
    const length = batch.last[row] as bigint;
    const end = length === 0n ? first : first + length - 1n;
    const kind = isMap ? ROW_KIND_MAP_REFUSED : ROW_KIND_UNMAP_REFUSED;
    this.#point(batch.ioas[row] as number, first, end > U64_MAX ? U64_MAX : end, version, kind, traits, length);
  }

  #onRecord(event: ColdEvent<IoasHandle>, version: number): void {
    const place = BigInt(this.#records.push(event) - 1);
    this.#recordVersions.push(version);
    switch (event.type) {
      case "IovaReserved":
      case "WindowCreated":
      case "WindowRemoved":
        this.#point(event.ioas, event.iova, event.last, version, ROW_KIND_RECORD, 0, place);
        break;
      case "FaultReported":
        if (event.iova !== null) this.#point(-1, event.iova, event.iova, version, ROW_KIND_RECORD, 0, place);
        break;
      default:
    }
    if (event.type === "WindowRemoved") this.#end(event.ioas, event.iova, event.last, version);
    if (event.type === "IoasDestroyed") this.#end(event.ioas, 0n, U64_MAX, version);
    evolve(this.#state, event, version);
  }

  /** A row that is never alive. */
  #point(ioas: number, first: bigint, last: bigint, version: number, how: number, traits: number, value: bigint): void {
    const row = this.#rows.push(ioas, first, last - first, version, how, traits, value, -1, null);
    this.#rows.ended[row] = version - this.firstVersion;
  }

  /** Whether the event speaks of bytes that none before it spoke of. */
  #learn(ioas: IoasHandle, first: bigint, last: bigint, version: number): boolean {
    if (ioas >= this.#state.spaces.length) this.#founded.push([version, ioas]);
    const space = this.#state.space(ioas);
    if (space.isWhole || space.known.covers(first, last)) return false;
    space.known.add(first, last);
    return true;
  }

  /**
   * Ends every row in `[first, last]`; of one that sticks out the rest goes on as a row of its own.
   * @returns the row when exactly one was there and had exactly this range, else -1
   */
  #end(ioas: IoasHandle, first: bigint, last: bigint, version: number): number {
    const table = this.#tableOf(ioas);
    const ended: number[] = [];
    table.someIn(first, last, (_first, _last, row) => {
      ended.push(row);
      return false;
    });
    const { iova, size } = this.#rows;
    const offset = version - this.firstVersion;
    let isWhole = ended.length === 1;
    table.remove(first, last);
    for (const row of ended) {
      this.#rows.ended[row] = offset;
      const rowFirst = iova[row] as bigint;
      const rowLast = rowFirst + (size[row] as bigint);
      if (rowFirst === first && rowLast === last) continue;
      isWhole = false;
      if (rowFirst < first) this.#goOn(row, rowFirst, first - 1n, offset);
      if (rowLast > last) this.#goOn(row, last + 1n, rowLast, offset);
    }
    return isWhole ? (ended[0] as number) : -1;
  }

  /** What is left of a row that was cut. */
  #goOn(row: number, first: bigint, last: bigint, offset: number): void {
    const rows = this.#rows;
    const ioas = (rows.ioas[row] as number) - 1;
    const traits = rows.traits[row] as number;
    const isKnown = ((traits >> 2) & 0xf) !== 0;
    const value = (rows.value[row] as bigint) + (isKnown ? first - (rows.iova[row] as bigint) : 0n);
    const version = rows.version[row] as number;
    const fd = (rows.fd[row] as number) - 1;
    const runs = clipRuns(rows.runs.get(row) ?? null, first, last);
    const rest = rows.push(ioas, first, last - first, version, ROW_KIND_MAPPED, traits, value, fd, runs);
    rows.cut[rest] = offset + 1;
    const table = this.#tableOf(ioas);
    table.remove(first, last);
    table.insert(first, last, 0, 0n, -1, null, rest);
  }

  #tableOf(ioas: IoasHandle): AreaTable {
    for (let next = this.#mapped.length; next <= ioas; next++) this.#mapped.push(new AreaTable());
    return this.#mapped[ioas] as AreaTable;
  }
}
