/**
 * One column of 64-bit numbers as bytes. The caller has already turned values into small
 * differences; here they lose common trailing zeros and become one of three forms:
 *
 * | code | form  | bytes                                                            |
 * |------|-------|------------------------------------------------------------------|
 * | 0    | same  | one zigzag varint, the value of every row                        |
 * | 1    | plain | shift (1 byte), section of a zigzag varint a row                 |
 * | 2    | runs  | shift (1 byte), section of (zigzag varint, varint count) a run   |
 */
import { ByteReader, ByteWriter } from "./bytes.ts";
import { damaged } from "./damage.ts";
import { type Budget, readSection, writeSection } from "./section.ts";
import { getVarint, putVarint, VARINT_BYTES_MAX, type Words } from "./varint.ts";

const SAME = 0;
const PLAIN = 1;
const RUNS = 2;
const RUN_COUNT_BYTES_MAX = 5;
/** Runs are written where there are at most this fraction of the rows: deflate finds shorter ones better. */
const RUNS_PER_ROW_MAX = 1 / 16;

/** Room for the numbers of a block, used again by every one: nothing here outlives a call from outside. */
const SHARED_ROWS = 65_536;
const sharedLow = new Uint32Array(SHARED_ROWS);
const sharedHigh = new Uint32Array(SHARED_ROWS);
const SCRATCH_BYTES_PER_ROW = VARINT_BYTES_MAX + RUN_COUNT_BYTES_MAX;

/** Writes columns one after the other; `lo` and `hi` are filled by the caller before each `write`. */
export class ColumnWriter implements Words {
  readonly out = new ByteWriter();
  lo = sharedLow;
  hi = sharedHigh;
  readonly #budget: Budget;
  readonly #isDeflated: boolean;
  #scratch = new Uint8Array(0);

  constructor(rows: number, budget: Budget, isDeflated = true) {
    this.#budget = budget;
    this.#isDeflated = isDeflated;
    this.reserve(rows);
  }

  /** Makes `lo` and `hi` hold `rows` at least. */
  reserve(rows: number): void {
    const scratchBytes = rows * SCRATCH_BYTES_PER_ROW + VARINT_BYTES_MAX;
    if (this.#scratch.length < scratchBytes) this.#scratch = new Uint8Array(scratchBytes);
    if (this.lo.length >= rows) return;
    this.lo = new Uint32Array(rows);
    this.hi = new Uint32Array(rows);
  }

  /** The first `rows` numbers of `lo` and `hi`; nothing at all for no rows. */
  write(rows: number): void {
    if (rows === 0) return;
    const { lo, hi, out } = this;
    let low = lo[0] as number;
    let high = hi[0] as number;
    let runs = 1;
    let anyLow = low;
    let anyHigh = high;
    for (let row = 1; row < rows; row++) {
      if (lo[row] === low && hi[row] === high) continue;
      low = lo[row] as number;
      high = hi[row] as number;
      runs++;
      anyLow |= low;
      anyHigh |= high;
    }
    if (runs === 1) {
      this.writeSame(low, high);
      return;
    }
    const shift = trailingZeros(anyLow, anyHigh);
    const isRuns = runs <= rows * RUNS_PER_ROW_MAX;
    const length = isRuns ? this.#putRuns(rows, shift) : this.#putPlain(rows, shift);
    out.u8(isRuns ? RUNS : PLAIN);
    out.u8(shift);
    writeSection(out, this.#scratch.subarray(0, length), this.#budget, this.#isDeflated);
  }

  /** One number for every row of a column that has any. */
  writeSame(low: number, high: number): void {
    this.out.u8(SAME);
    this.out.raw(this.#scratch.subarray(0, putVarint(this.#scratch, 0, low, high, 0)));
  }

  #putPlain(rows: number, shift: number): number {
    const { lo, hi } = this;
    const scratch = this.#scratch;
    let at = 0;
    for (let row = 0; row < rows; row++) {
      const low = (lo[row] as number) | 0;
      const high = hi[row] as number;
      if ((high | 0) !== low >> 31 || shift > 31) {
        at = putVarint(scratch, at, low, high, shift);
        continue;
      }
      // Nearly all: 32 bits hold it.
      const value = low >> shift;
      let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
      for (; zigzag > 0x7f; zigzag >>>= 7) scratch[at++] = zigzag | 0x80;
      scratch[at++] = zigzag;
    }
    return at;
  }

  #putRuns(rows: number, shift: number): number {
    const { lo, hi } = this;
    const scratch = this.#scratch;
    let at = 0;
    for (let row = 0; row < rows; ) {
      const from = row++;
      while (row < rows && lo[row] === lo[from] && hi[row] === hi[from]) row++;
      at = putVarint(scratch, at, lo[from] as number, hi[from] as number, shift);
      for (let count = row - from; ; count >>>= 7) {
        scratch[at++] = count > 0x7f ? (count & 0x7f) | 0x80 : count;
        if (count <= 0x7f) break;
      }
    }
    return at;
  }
}

/** Reads what `ColumnWriter` wrote, in the same order, into `lo` and `hi`. */
export class ColumnReader implements Words {
  lo = sharedLow;
  hi = sharedHigh;
  readonly reader: ByteReader;
  readonly #varint = new Uint8Array(VARINT_BYTES_MAX);
  readonly #budget: Budget;

  constructor(bytes: ByteReader, rows: number, budget: Budget) {
    this.reader = bytes;
    this.#budget = budget;
    this.reserve(rows);
  }

  reserve(rows: number): void {
    if (this.lo.length >= rows) return;
    this.lo = new Uint32Array(rows);
    this.hi = new Uint32Array(rows);
  }

  /**
   * @returns whether all are the same, `lo[0]` and `hi[0]`: the others are then not filled in
   * @throws IoasisError ERR_BLOCK unless there are exactly `rows` numbers of a known form
   */
  readForm(rows: number, what: string): boolean {
    if (rows === 0) return false;
    const code = this.reader.u8(what);
    if (code === SAME) {
      this.#readSame(what);
      return true;
    }
    if (code !== PLAIN && code !== RUNS) throw damaged(`${what}: column code ${code} is unknown`);
    const shift = this.reader.u8(what);
    if (shift > 63) throw damaged(`${what}: shift ${shift}`);
    const bytes = readSection(this.reader, this.#budget, what);
    const end = code === PLAIN ? this.#readPlain(bytes, rows, shift) : this.#readRuns(bytes, rows, shift, what);
    if (end !== bytes.length) throw damaged(`${what}: ${bytes.length - end} bytes behind the last row`);
    return false;
  }

  /** `readForm` with every row filled in. */
  read(rows: number, what: string): void {
    if (!this.readForm(rows, what)) return;
    this.lo.fill(this.lo[0] as number, 1, rows);
    this.hi.fill(this.hi[0] as number, 1, rows);
  }

  #readSame(what: string): void {
    const bytes = this.#varint;
    let length = 0;
    do bytes[length] = this.reader.u8(what);
    while ((bytes[length++] as number) > 0x7f && length < VARINT_BYTES_MAX);
    getVarint(bytes, 0, this, 0, 0);
  }

  #readPlain(bytes: Uint8Array, rows: number, shift: number): number {
    const { lo, hi } = this;
    let at = 0;
    for (let row = 0; row < rows; row++) {
      const byte = bytes[at] as number;
      if (byte > 0x7f || shift > 24) {
        at = getVarint(bytes, at, this, row, shift);
        continue;
      }
      // Nearly all are one byte.
      const value = (byte >>> 1) ^ -(byte & 1);
      lo[row] = value << shift;
      hi[row] = value >> 31;
      at++;
    }
    return at;
  }

  #readRuns(bytes: Uint8Array, rows: number, shift: number, what: string): number {
    let at = 0;
    for (let row = 0; row < rows; ) {
      at = getVarint(bytes, at, this, row, shift);
      const counter = new ByteReader(bytes.subarray(at, at + RUN_COUNT_BYTES_MAX));
      const count = counter.varint(rows - row, `${what}: run`);
      at += counter.at;
      if (count === 0) throw damaged(`${what}: an empty run`);
      this.lo.fill(this.lo[row] as number, row, row + count);
      this.hi.fill(this.hi[row] as number, row, row + count);
      row += count;
    }
    return at;
  }
}

function trailingZeros(low: number, high: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high === 0 ? 0 : 63 - Math.clz32(high & -high);
}
