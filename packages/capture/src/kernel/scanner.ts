/**
 * Reads numbers out of one line without regular expressions or substrings: the hot path of every
 * kernel trace. A position that stays where it was means that nothing fit.
 */
const DIGITS_16_MAX = 16;
const ZERO = 48;
const NINE = 57;
const LOWER_A = 97;
const LOWER_F = 102;
const UPPER_A = 65;
const UPPER_F = 70;
const SPACE = 32;
const TAB = 9;

export class Scanner {
  text = "";
  at = 0;

  start(text: string, at: number): void {
    this.text = text;
    this.at = at;
  }

  skipSpaces(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== SPACE && code !== TAB) return;
      this.at++;
    }
  }

  /** Steps over `word` if it is next. */
  word(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  /** `0x` and one to sixteen hexadecimal digits. */
  hex(): bigint | null {
    const from = this.at;
    if (!this.word("0x")) return null;
    const first = this.at;
    let value = 0;
    for (; this.at < first + DIGITS_16_MAX; this.at++) {
      const digit = hexDigit(this.text.charCodeAt(this.at));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    if (this.at === first || hexDigit(this.text.charCodeAt(this.at)) >= 0) {
      this.at = from;
      return null;
    }
    return value <= Number.MAX_SAFE_INTEGER ? BigInt(value) : BigInt(this.text.slice(from, this.at));
  }

  /** One to twenty decimal digits. */
  decimal(): bigint | null {
    const from = this.at;
    let value = 0;
    for (; ; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (!isDigit(code)) break;
      value = value * 10 + code - ZERO;
    }
    if (this.at === from || this.at - from > 20) {
      this.at = from;
      return null;
    }
    return value <= Number.MAX_SAFE_INTEGER ? BigInt(value) : BigInt(this.text.slice(from, this.at));
  }

  /** Up to the next space or the end of the line. */
  token(): string {
    const from = this.at;
    const space = this.text.indexOf(" ", from);
    this.at = space < 0 ? this.text.length : space;
    return this.text.slice(from, this.at);
  }

  /** Nothing but spaces is left. */
  get isAtEnd(): boolean {
    this.skipSpaces();
    return this.at >= this.text.length;
  }
}

export function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO;
  if (code >= LOWER_A && code <= LOWER_F) return code - LOWER_A + 10;
  if (code >= UPPER_A && code <= UPPER_F) return code - UPPER_A + 10;
  return -1;
}
