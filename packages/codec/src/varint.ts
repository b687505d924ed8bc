/**
 * Signed 64-bit numbers as zigzag varints, from and to two columns of 32-bit halves: no bigint
 * is made for a row.
 *
 * zigzag: 0, -1, 1, -2, ... become 0, 1, 2, 3, ...; varint: seven bits a byte, lowest first.
 */
import { damaged } from "./damage.ts";

export const VARINT_BYTES_MAX = 10;

/** 64-bit numbers (two's complement) in halves. */
export interface Words {
  readonly lo: Uint32Array;
  readonly hi: Uint32Array;
}

/** Writes the number (lo, hi) >> shift at `at`; returns the position behind it. */
export function putVarint(to: Uint8Array, at: number, low: number, high: number, shift: number): number {
  let lo = low;
  let hi = high | 0;
  if (shift >= 32) {
    lo = hi >> (shift - 32);
    hi >>= 31;
  } else if (shift > 0) {
    lo = (lo >>> shift) | (hi << (32 - shift));
    hi >>= shift;
  }
  const sign = hi >> 31;
  let zigzagLow = ((lo << 1) ^ sign) >>> 0;
  let zigzagHigh = (((hi << 1) | (lo >>> 31)) ^ sign) >>> 0;
  let position = at;
  while (zigzagHigh !== 0) {
    to[position++] = (zigzagLow & 0x7f) | 0x80;
    zigzagLow = ((zigzagLow >>> 7) | (zigzagHigh << 25)) >>> 0;
    zigzagHigh >>>= 7;
  }
  while (zigzagLow > 0x7f) {
    to[position++] = (zigzagLow & 0x7f) | 0x80;
    zigzagLow >>>= 7;
  }
  to[position++] = zigzagLow;
  return position;
}

/** Reads the number at `at` into row `row` of `words`, shifted left; returns the position behind it. */
export function getVarint(from: Uint8Array, at: number, words: Words, row: number, shift: number): number {
  let position = at;
  let zigzagLow = 0;
  let zigzagHigh = 0;
  for (let bit = 0; ; bit += 7) {
    const byte = from[position++];
    if (byte === undefined || bit > 63) throw damaged("column: broken number", { offset: at });
    const bits = byte & 0x7f;
    if (bit < 32) zigzagLow |= bits << bit;
    if (bit === 28) zigzagHigh |= bits >>> 4;
    else if (bit > 31) zigzagHigh |= bits << (bit - 32);
    if (byte < 0x80) break;
  }
  const sign = -(zigzagLow & 1);
  const lo = ((zigzagLow >>> 1) | (zigzagHigh << 31)) ^ sign;
  const hi = (zigzagHigh >>> 1) ^ sign;
  if (shift === 0) {
    words.lo[row] = lo;
    words.hi[row] = hi;
  } else if (shift < 32) {
    words.lo[row] = lo << shift;
    words.hi[row] = (hi << shift) | (lo >>> (32 - shift));
  } else {
    words.lo[row] = 0;
    words.hi[row] = lo << (shift - 32);
  }
  return position;
}
