/** The rows of a chapter as they come, by version; at its end they become pages, by address. */
import type { Run } from "@ioasis/core";
import { ByteWriter } from "./bytes.ts";
import { PAGE_ROWS, type RowPage, ZONE_SHIFT } from "./chapter.ts";
import { type PackedColumn, packPage } from "./packed-page.ts";
import { writeRunList } from "./run-list.ts";

/** `ended` of a row that is still there. */
export const NOT_ENDED = 0xffff_ffff;
const ROWS_MIN = 1024;
const DIGIT_BITS = 11;
const MASK = (1 << DIGIT_BITS) - 1;
const DIGITS_OF_WORD = 3;
const DIGITS_OF_ADDRESS = 6;
const WORD = 2 ** 32;

/** Columns as docs/FORMAT.md tells them; of `ioas` and `fd` the value itself, -1 for none. */
export class ChapterRows {
  readonly firstVersion: number;
  length = 0;
  iova = new BigUint64Array(ROWS_MIN);
  size = new BigUint64Array(ROWS_MIN);
  version = new Float64Array(ROWS_MIN);
  cut = new Uint32Array(ROWS_MIN);
  ended = new Uint32Array(ROWS_MIN);
  how = new Uint32Array(ROWS_MIN);
  /** Handle + 1, fd + 1. */
  ioas = new Uint32Array(ROWS_MIN);
  fd = new Uint32Array(ROWS_MIN);
  traits = new Uint32Array(ROWS_MIN);
  value = new BigUint64Array(ROWS_MIN);
  readonly runs = new Map<number, readonly Run[]>();

  constructor(firstVersion: number) {
    this.firstVersion = firstVersion;
  }

  /** @returns the number of the row, which has not ended */
  push(
    ioas: number,
    iova: bigint,
    size: bigint,
    version: number,
    how: number,
    traits: number,
    value: bigint,
    fd: number,
    runs: readonly Run[] | null,
  ): number {
    const row = this.length++;
    if (row === this.iova.length) this.#grow();
    this.iova[row] = iova;
    this.size[row] = size;
    this.version[row] = version;
    this.cut[row] = 0;
    this.ended[row] = NOT_ENDED;
    this.how[row] = how;
    this.ioas[row] = ioas + 1;
    this.fd[row] = fd + 1;
    this.traits[row] = traits;
    this.value[row] = value;
    if (runs !== null) this.runs.set(row, runs);
    return row;
  }

  /** The pages of a chapter of `count` versions. */
  *pages(count: number): Generator<RowPage> {
    const { length, ended } = this;
    const endedBy = new Uint32Array(length);
    for (let row = 0; row < length; row++) endedBy[row] = Math.min(ended[row] as number, count);
    const order = this.#byIova();
    const runsAt = new Uint32Array(this.runs.size === 0 ? 0 : length);
    const columns: PackedColumn[] = [
      wide(this.iova),
      wide(this.size),
      { words: this.#versionWords(), isWide: true },
      small(this.cut),
      small(endedBy),
      small(this.how),
      small(this.ioas),
      small(this.traits),
      wide(this.value),
      small(this.fd),
      small(runsAt.length === 0 ? new Uint32Array(length) : runsAt),
    ];
    for (let from = 0; from < length; from += PAGE_ROWS) {
      const to = Math.min(length, from + PAGE_ROWS);
      const tail = this.#writeRuns(order, from, to, runsAt);
      yield { bytes: packPage(columns, order, from, to, tail), ...this.#zone(order, from, to, endedBy) };
    }
  }

  #zone(order: Uint32Array, from: number, to: number, endedBy: Uint32Array): Omit<RowPage, "bytes"> {
    const { iova, size, cut, version, firstVersion } = this;
    let greatestLast = 0n;
    let greatestSize = 0n;
    let leastBorn = NOT_ENDED;
    let greatestEnded = 0;
    for (let at = from; at < to; at++) {
      const row = order[at] as number;
      const bytes = size[row] as bigint;
      const last = (iova[row] as bigint) + bytes;
      if (last > greatestLast) greatestLast = last;
      if (bytes > greatestSize) greatestSize = bytes;
      const cutAt = cut[row] as number;
      const born = cutAt > 0 ? cutAt - 1 : Math.max(0, (version[row] as number) - firstVersion);
      if (born < leastBorn) leastBorn = born;
      if ((endedBy[row] as number) > greatestEnded) greatestEnded = endedBy[row] as number;
    }
    const leastIova = Number((iova[order[from] as number] as bigint) >> ZONE_SHIFT);
    return { leastIova, greatestLast: Number(greatestLast >> ZONE_SHIFT), greatestSize, leastBorn, greatestEnded };
  }

  #writeRuns(order: Uint32Array, from: number, to: number, runsAt: Uint32Array): Uint8Array {
    if (this.runs.size === 0) return NOTHING;
    const out = new ByteWriter();
    for (let at = from; at < to; at++) {
      const row = order[at] as number;
      const list = this.runs.get(row);
      if (list === undefined) continue;
      runsAt[row] = out.length + 1;
      writeRunList(out, list);
    }
    return out.take();
  }

  #versionWords(): Uint32Array {
    const words = new Uint32Array(2 * this.length);
    for (let row = 0; row < this.length; row++) {
      const version = this.version[row] as number;
      words[2 * row] = version;
      words[2 * row + 1] = Math.floor(version / WORD);
    }
    return words;
  }

  /** Rows by address, those of one address by space, those of one space as they came. */
  #byIova(): Uint32Array {
    let order: Uint32Array = Uint32Array.from({ length: this.length }, (_, row) => row);
    order = sorted(order, DIGITS_OF_WORD, (row, digit) => ((this.ioas[row] as number) >>> (digit * DIGIT_BITS)) & MASK);
    const words = new Uint32Array(this.iova.buffer);
    return sorted(order, DIGITS_OF_ADDRESS, (row, digit) => digitOf(words, row, digit));
  }

  #grow(): void {
    const capacity = 2 * this.iova.length;
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    this.iova = grown(new BigUint64Array(capacity), this.iova);
    this.size = grown(new BigUint64Array(capacity), this.size);
    this.version = grown(new Float64Array(capacity), this.version);
    this.cut = grown(new Uint32Array(capacity), this.cut);
    this.ended = grown(new Uint32Array(capacity), this.ended);
    this.how = grown(new Uint32Array(capacity), this.how);
    this.ioas = grown(new Uint32Array(capacity), this.ioas);
    this.fd = grown(new Uint32Array(capacity), this.fd);
    this.traits = grown(new Uint32Array(capacity), this.traits);
    this.value = grown(new BigUint64Array(capacity), this.value);
  }
}

const NOTHING = new Uint8Array(0);

/** A stable radix sort from the lowest digit on, which passes over digits in which all rows are equal. */
function sorted(rows: Uint32Array, digits: number, digitOf: (row: number, digit: number) => number): Uint32Array {
  const { length } = rows;
  let order = rows;
  let spare: Uint32Array = new Uint32Array(length);
  for (let digit = 0; digit < digits; digit++) {
    const counts = new Uint32Array((1 << DIGIT_BITS) + 1);
    for (let row = 0; row < length; row++) {
      const next = digitOf(row, digit) + 1;
      counts[next] = (counts[next] as number) + 1;
    }
    if (counts.includes(length)) continue;
    for (let value = 1; value < counts.length; value++)
      counts[value] = (counts[value] as number) + (counts[value - 1] as number);
    for (const row of order) {
      const value = digitOf(row, digit);
      const to = counts[value] as number;
      counts[value] = to + 1;
      spare[to] = row;
    }
    [order, spare] = [spare, order];
  }
  return order;
}

function digitOf(words: Uint32Array, row: number, digit: number): number {
  const bit = digit * DIGIT_BITS;
  const low = words[2 * row] as number;
  const high = words[2 * row + 1] as number;
  const bits = bit >= 32 ? high >>> (bit - 32) : bit === 0 ? low : (low >>> bit) | (high << (32 - bit));
  return bits & MASK;
}

function wide(column: BigUint64Array): PackedColumn {
  return { words: new Uint32Array(column.buffer), isWide: true };
}

function small(words: Uint32Array): PackedColumn {
  return { words, isWide: false };
}
