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

/** Writes columns one after the other; `lo` and `hi` are filled by the caller before each `write`. */
export class ColumnWriter implements Words {
  readonly out = new ByteWriter();
  lo = new Uint32Array(0);
  hi = new Uint32Array(0);
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
    if (this.lo.length >= rows && this.#scratch.length > 0) return;
    this.lo = new Uint32Array(rows);
    this.hi = new Uint32Array(rows);
    this.#scratch = new Uint8Array(rows * (VARINT_BYTES_MAX + RUN_COUNT_BYTES_MAX) + VARINT_BYTES_MAX);
  }

  /** The first `rows` numbers of `lo` and `hi`; nothing at all for no rows. */
  write(rows: number): void {
    if (rows === 0) return;
    const { lo, hi, out } = this;
    const scratch = this.#scratch;
    let runs = 1;
    let anyLow = lo[0] as number;
    let anyHigh = hi[0] as number;
    for (let row = 1; row < rows; row++) {
      if (lo[row] !== lo[row - 1] || hi[row] !== hi[row - 1]) runs++;
      anyLow |= lo[row] as number;
      anyHigh |= hi[row] as number;
    }
    if (runs === 1) {
      out.u8(SAME);
      out.raw(scratch.subarray(0, putVarint(scratch, 0, lo[0] as number, hi[0] as number, 0)));
      return;
    }
    const shift = trailingZeros(anyLow, anyHigh);
    const isRuns = runs <= rows * RUNS_PER_ROW_MAX;
    const length = isRuns ? this.#putRuns(rows, shift) : this.#putPlain(rows, shift);
    out.u8(isRuns ? RUNS : PLAIN);
    out.u8(shift);
    writeSection(out, scratch.subarray(0, length), this.#budget, this.#isDeflated);
  }

  #putPlain(rows: number, shift: number): number {
    const { lo, hi } = this;
    const scratch = this.#scratch;
    let at = 0;
    for (let row = 0; row < rows; row++) at = putVarint(scratch, at, lo[row] as number, hi[row] as number, shift);
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
  lo = new Uint32Array(0);
  hi = new Uint32Array(0);
  readonly reader: ByteReader;
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

  /** @throws IoasisError ERR_BLOCK unless there are exactly `rows` numbers of a known form */
  read(rows: number, what: string): void {
    if (rows === 0) return;
    const code = this.reader.u8(what);
    if (code === SAME) {
      this.#readSame(rows, what);
      return;
    }
    if (code !== PLAIN && code !== RUNS) throw damaged(`${what}: column code ${code} is unknown`);
    const shift = this.reader.u8(what);
    if (shift > 63) throw damaged(`${what}: shift ${shift}`);
    const bytes = readSection(this.reader, this.#budget, what);
    const end = code === PLAIN ? this.#readPlain(bytes, rows, shift) : this.#readRuns(bytes, rows, shift, what);
    if (end !== bytes.length) throw damaged(`${what}: ${bytes.length - end} bytes behind the last row`);
  }

  #readSame(rows: number, what: string): void {
    const bytes = new Uint8Array(VARINT_BYTES_MAX);
    let length = 0;
    do bytes[length] = this.reader.u8(what);
    while ((bytes[length++] as number) > 0x7f && length < VARINT_BYTES_MAX);
    getVarint(bytes.subarray(0, length), 0, this, 0, 0);
    this.lo.fill(this.lo[0] as number, 1, rows);
    this.hi.fill(this.hi[0] as number, 1, rows);
  }

  #readPlain(bytes: Uint8Array, rows: number, shift: number): number {
    let at = 0;
    for (let row = 0; row < rows; row++) at = getVarint(bytes, at, this, row, shift);
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
