/**
 * Reads numbers out of one line without regular expressions, strings or bigints: the hot path of every
 * kernel trace. A position that stays where it was means that nothing fit.
 *
 * A number that was read lies in two halves, `high` and `low` (32 bits each), until it is wanted as a
 * whole (`exactOf`): arithmetic on halves costs nothing, a bigint costs an object for each step.
 */
const DIGITS_16_MAX = 16;
const DIGITS_10_MAX = 20;
const HALF = 0x1_0000_0000;
const U64_MAX = (1n << 64n) - 1n;
const ZERO = 48;
const NINE = 57;
const SPACE = 32;
const TAB = 9;
const LOWER_X = 120;
const NO_DIGIT = 255;

const DIGIT_OF = new Uint8Array(256).fill(NO_DIGIT);
for (let value = 0; value < 16; value++) {
  const digit = value.toString(16);
  DIGIT_OF[digit.charCodeAt(0)] = value;
  DIGIT_OF[digit.toUpperCase().charCodeAt(0)] = value;
}

const whole = new BigUint64Array(1);
const halves = new Uint32Array(whole.buffer);

/** The number whose halves these are. */
export function exactOf(high: number, low: number): bigint {
  halves[0] = low;
  halves[1] = high;
  return whole[0] as bigint;
}

/** An integer below 2^53 as it is kept in events. */
export function exactOfNumber(value: number): bigint {
  return exactOf(Math.floor(value / HALF), value >>> 0);
}

export class Scanner {
  bytes: Uint8Array = new Uint8Array(0);
  at = 0;
  /** End of the line, exclusive. */
  end = 0;
  /** Of the last number. */
  high = 0;
  low = 0;

  start(bytes: Uint8Array, at: number, end: number): void {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
  }

  get exact(): bigint {
    return exactOf(this.high, this.low);
  }

  skipSpaces(): void {
    const { bytes, end } = this;
    let at = this.at;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB)) at++;
    this.at = at;
  }

  /** Steps over `word` (bytes) if it is next. */
  word(word: Uint8Array): boolean {
    const { bytes, at } = this;
    if (at + word.length > this.end) return false;
    for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false;
    this.at = at + word.length;
    return true;
  }

  /** `0x` and one to sixteen hexadecimal digits. */
  hex(): boolean {
    const { bytes, at: from, end } = this;
    if (from + 2 >= end || bytes[from] !== ZERO || bytes[from + 1] !== LOWER_X) return false;
    let high = 0;
    let low = 0;
    let at = from + 2;
    for (; at < end; at++) {
      const digit = DIGIT_OF[bytes[at] as number] as number;
      if (digit === NO_DIGIT) break;
      high = (high << 4) | (low >>> 28);
      low = (low << 4) | digit;
    }
    const digits = at - from - 2;
    if (digits === 0 || digits > DIGITS_16_MAX) return false;
    this.high = high >>> 0;
    this.low = low >>> 0;
    this.at = at;
    return true;
  }

  /** One to twenty decimal digits of a number below 2^64. */
  decimal(): boolean {
    const { bytes, at: from, end } = this;
    let at = from;
    let value = 0;
    for (; at < end; at++) {
      const code = bytes[at] as number;
      if (!isDigit(code)) break;
      value = value * 10 + code - ZERO;
    }
    if (at === from || at - from > DIGITS_10_MAX) return false;
    if (value <= Number.MAX_SAFE_INTEGER) {
      this.low = value >>> 0;
      this.high = Math.floor(value / HALF);
    } else {
      const exact = BigInt(String.fromCharCode(...bytes.subarray(from, at)));
      if (exact > U64_MAX) return false;
      this.low = Number(exact & 0xffff_ffffn);
      this.high = Number(exact >> 32n);
    }
    this.at = at;
    return true;
  }

  /** Steps over everything up to the next space. */
  skipToken(): void {
    while (this.at < this.end && this.bytes[this.at] !== SPACE) this.at++;
  }

  /** Nothing but spaces is left. */
  get isAtEnd(): boolean {
    this.skipSpaces();
    return this.at >= this.end;
  }
}

/** A word as `Scanner.word` takes it. */
export function wordOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}
