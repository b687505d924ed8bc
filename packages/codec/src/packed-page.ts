/**
 * A page of rows in columns of fixed width, read cell by cell where it lies.
 *
 * | bytes | what |
 * |---|---|
 * | 4 | u32 rows |
 * | 10 a column | u8 width (0 ... 8 bytes), u8 shift, u64 base |
 * | rows × width a column | cells: (value - base) >> shift, little-endian |
 * | the rest | whatever the writer puts behind the columns |
 *
 * Base is the least value of the page, shift the number of trailing zeros that all differences share.
 */
import { damaged } from "./damage.ts";

const HEAD_BYTES = 4;
const COLUMN_BYTES = 10;
const WORD = 2 ** 32;

/** Unsigned 64-bit values in halves (low, high), or 32-bit values. */
export interface PackedColumn {
  readonly words: Uint32Array;
  readonly isWide: boolean;
}

/** Rows `order[from ... to)` of `columns` as a page; `tail` is put behind the cells. */
export function packPage(
  columns: readonly PackedColumn[],
  order: Uint32Array,
  from: number,
  to: number,
  tail: Uint8Array,
): Uint8Array {
  const rows = to - from;
  const packed = columns.map((column) => packColumn(column, order, from, rows));
  const cells = packed.reduce((sum, { width }) => sum + width * rows, 0);
  const out = new Uint8Array(HEAD_BYTES + COLUMN_BYTES * columns.length + cells + tail.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, rows, true);
  let at = HEAD_BYTES;
  for (const { width, shift, baseLow, baseHigh } of packed) {
    out[at] = width;
    out[at + 1] = shift;
    view.setUint32(at + 2, baseLow, true);
    view.setUint32(at + 6, baseHigh, true);
    at += COLUMN_BYTES;
  }
  for (const { width, low, high } of packed) {
    for (let row = 0; row < rows; row++) {
      let word = low[row] as number;
      for (let byte = 0; byte < width; byte++) {
        if (byte === 4) word = high[row] as number;
        out[at++] = word;
        word >>>= 8;
      }
    }
  }
  out.set(tail, at);
  return out;
}

interface PackedCells {
  readonly width: number;
  readonly shift: number;
  readonly baseLow: number;
  readonly baseHigh: number;
  /** Differences from the base, shifted. */
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

function packColumn({ words, isWide }: PackedColumn, order: Uint32Array, from: number, rows: number): PackedCells {
  const low = new Uint32Array(rows);
  const high = new Uint32Array(rows);
  let baseLow = 0xffff_ffff;
  let baseHigh = 0xffff_ffff;
  for (let row = 0; row < rows; row++) {
    const at = order[from + row] as number;
    const lo = words[isWide ? 2 * at : at] as number;
    const hi = isWide ? (words[2 * at + 1] as number) : 0;
    low[row] = lo;
    high[row] = hi;
    if (hi < baseHigh || (hi === baseHigh && lo < baseLow)) {
      baseLow = lo;
      baseHigh = hi;
    }
  }
  let anyLow = 0;
  let anyHigh = 0;
  for (let row = 0; row < rows; row++) {
    const lo = low[row] as number;
    low[row] = lo - baseLow;
    high[row] = (high[row] as number) - baseHigh - (lo < baseLow ? 1 : 0);
    anyLow |= low[row] as number;
    anyHigh |= high[row] as number;
  }
  const shift = trailingZeros(anyLow, anyHigh);
  const bits = (anyHigh === 0 ? 32 - Math.clz32(anyLow) : 64 - Math.clz32(anyHigh)) - shift;
  if (shift > 0 && bits > 0)
    for (let row = 0; row < rows; row++) {
      const lo = low[row] as number;
      const hi = high[row] as number;
      low[row] = shift >= 32 ? hi >>> (shift - 32) : (lo >>> shift) | (hi << (32 - shift));
      high[row] = shift >= 32 ? 0 : hi >>> shift;
    }
  return { width: bits <= 0 ? 0 : Math.ceil(bits / 8), shift, baseLow, baseHigh, low, high };
}

function trailingZeros(low: number, high: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high === 0 ? 0 : 63 - Math.clz32(high & -high);
}

/** What is kept of a column: width, 2^shift, base, offset of its cells. */
const FACTS = 4;

/** Reads a page; the bytes are kept and must not change. */
export class PackedPage {
  readonly rows: number;
  readonly bytes: Uint8Array;
  readonly #facts: Float64Array;
  readonly #end: number;

  /** @throws IoasisError ERR_BLOCK where the bytes are too few */
  constructor(bytes: Uint8Array, columns: number) {
    const head = HEAD_BYTES + COLUMN_BYTES * columns;
    if (bytes.length < head) throw damaged("page: the bytes end early");
    this.bytes = bytes;
    this.rows = word(bytes, 0);
    this.#facts = new Float64Array(FACTS * columns);
    let offset = head;
    for (let column = 0; column < columns; column++) {
      const at = HEAD_BYTES + COLUMN_BYTES * column;
      const width = bytes[at] as number;
      const shift = bytes[at + 1] as number;
      if (width > 8 || shift > 63) throw damaged(`page: column ${column}`);
      const to = FACTS * column;
      this.#facts[to] = width;
      this.#facts[to + 1] = 2 ** shift;
      this.#facts[to + 2] = word(bytes, at + 6) * WORD + word(bytes, at + 2);
      this.#facts[to + 3] = offset;
      offset += width * this.rows;
    }
    if (offset > bytes.length) throw damaged("page: the cells end early");
    this.#end = offset;
  }

  /** What lies behind the cells. */
  get tail(): Uint8Array {
    return this.bytes.subarray(this.#end);
  }

  /** Whether anything does. */
  get hasTail(): boolean {
    return this.#end < this.bytes.length;
  }

  /** The value in a column whose values are below 2^53. */
  number(column: number, row: number): number {
    const facts = this.#facts;
    const at = FACTS * column;
    const width = facts[at] as number;
    const base = facts[at + 2] as number;
    if (width === 0) return base;
    const { bytes } = this;
    const from = (facts[at + 3] as number) + row * width;
    let cell = bytes[from] as number;
    for (let byte = 1, scale = 256; byte < width; byte++, scale *= 256) cell += (bytes[from + byte] as number) * scale;
    return base + cell * (facts[at + 1] as number);
  }

  /** The whole column as `number`, into the first `rows` of `into`. */
  numbers(column: number, into: Float64Array): void {
    const { bytes, rows } = this;
    const facts = this.#facts;
    const width = facts[FACTS * column] as number;
    const scale = facts[FACTS * column + 1] as number;
    const base = facts[FACTS * column + 2] as number;
    let at = facts[FACTS * column + 3] as number;
    if (width === 0) into.fill(base, 0, rows);
    else if (width === 1) for (let row = 0; row < rows; row++) into[row] = base + (bytes[at++] as number) * scale;
    else if (width === 3)
      for (let row = 0; row < rows; row++, at += 3) {
        const cell = (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16);
        into[row] = base + cell * scale;
      }
    else
      for (let row = 0; row < rows; row++) {
        let cell = bytes[at++] as number;
        for (let byte = 1, place = 256; byte < width; byte++, place *= 256) cell += (bytes[at++] as number) * place;
        into[row] = base + cell * scale;
      }
  }

  /** Whether all rows of the column have the same value. */
  isSame(column: number): boolean {
    return this.#facts[FACTS * column] === 0;
  }

  /** The whole column in halves, low half first, into the first 2 × `rows` of `into`. */
  halves(column: number, into: Uint32Array): void {
    this.#read(column, 0, this.rows, into);
  }

  bigint(column: number, row: number): bigint {
    this.#read(column, row, 1, HALVES);
    return WHOLE[0] as bigint;
  }

  #read(column: number, first: number, rows: number, into: Uint32Array): void {
    const { bytes } = this;
    const head = HEAD_BYTES + COLUMN_BYTES * column;
    const width = bytes[head] as number;
    const shift = bytes[head + 1] as number;
    const baseLow = word(bytes, head + 2);
    const baseHigh = word(bytes, head + 6);
    let at = (this.#facts[FACTS * column + 3] as number) + first * width;
    for (let row = 0; row < rows; row++) {
      let low = 0;
      let high = 0;
      for (let byte = 0; byte < width; byte++) {
        if (byte < 4) low |= (bytes[at++] as number) << (8 * byte);
        else high |= (bytes[at++] as number) << (8 * byte - 32);
      }
      if (shift >= 32) {
        high = low << (shift - 32);
        low = 0;
      } else if (shift > 0) {
        high = (high << shift) | (low >>> (32 - shift));
        low <<= shift;
      }
      const sum = (low >>> 0) + baseLow;
      into[2 * row] = sum;
      into[2 * row + 1] = high + baseHigh + (sum >= WORD ? 1 : 0);
    }
  }
}

function word(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)) >>>
    0
  );
}

const WHOLE = new BigUint64Array(1);
const HALVES = new Uint32Array(WHOLE.buffer);

/**
 * MurmurHash3_x86_32 of bytes, whose length counts: finds what a flipped bit or a torn write leaves.
 * No proof against intent: that is what the hash over the directory of pages is for.
 */
export function pageChecksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length & ~3;
  let hash = 0;
  for (let at = 0; at < whole; at += 4) {
    hash ^= scrambled(view.getUint32(at, true));
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64) | 0;
  }
  let rest = 0;
  for (let at = bytes.length - 1; at >= whole; at--) rest = (rest << 8) | (bytes[at] as number);
  hash ^= scrambled(rest) ^ bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scrambled(word: number): number {
  const product = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b87_3593);
}
