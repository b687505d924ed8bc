/** Typed reading of one JSON object of a recording; what is missing or wrong is named. */
import { IoasisError } from "../failure.ts";

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: () => string;
  readonly #line: number;

  /** `where` names the object in an error; it is asked for only then. */
  constructor(values: Readonly<Record<string, unknown>>, where: () => string, line: number) {
    this.#values = values;
    this.#where = where;
    this.#line = line;
  }

  has(name: string): boolean {
    return this.#values[name] !== undefined;
  }

  isNull(name: string): boolean {
    return this.#values[name] === null;
  }

  /** A JSON number: an id, a flag word, a count. */
  number(name: string): number {
    const value = this.#values[name];
    if (typeof value === "number" && Number.isSafeInteger(value)) return value;
    throw this.#wrong(name, "a whole number");
  }

  /** 0 where it is left out. */
  numberOr0(name: string): number {
    return this.has(name) ? this.number(name) : 0;
  }

  /** Whether it is there, and neither 0 nor false. */
  isSet(name: string): boolean {
    const value = this.#values[name];
    return typeof value === "boolean" ? value : this.numberOr0(name) !== 0;
  }

  /** A hex string of 64 bits. */
  u64(name: string): bigint {
    return this.#u64(this.#values[name], name);
  }

  text(name: string): string {
    const value = this.#values[name];
    if (typeof value === "string") return value;
    throw this.#wrong(name, "a string");
  }

  /** Null where it is null: a handle that the recording does not know. */
  textOrNull(name: string): string | null {
    return this.#values[name] === null ? null : this.text(name);
  }

  /** A list of lists of strings. */
  rows(name: string): (readonly string[])[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) throw this.#wrong(name, "a list of lists");
    return value.map((row: unknown) => {
      if (!Array.isArray(row)) throw this.#wrong(name, "a list of lists");
      return row.map((item: unknown) => {
        if (typeof item !== "string") throw this.#wrong(name, "a list of lists of strings");
        return item;
      });
    });
  }

  /** A list of objects. */
  records(name: string): Fields[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) throw this.#wrong(name, "a list of objects");
    return value.map((item: unknown) => {
      if (typeof item !== "object" || item === null || Array.isArray(item))
        throw this.#wrong(name, "a list of objects");
      return new Fields({ ...item }, () => `${this.#where()}, ${name}`, this.#line);
    });
  }

  /** Bytes as hex digits, two each. */
  bytes(name: string): number[] {
    const value = this.text(name);
    if (!/^([0-9a-f]{2})*$/i.test(value)) throw this.#wrong(name, "bytes in hex");
    return (value.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  }

  /** The handle of an object; "": a raw number was passed that is none. */
  handle(name: string): string {
    return this.isNull(name) ? "" : this.text(name);
  }

  /** A list of pairs of hex strings. */
  pairs(name: string): (readonly [bigint, bigint])[] {
    const value = this.#values[name];
    if (!Array.isArray(value)) throw this.#wrong(name, "a list of ranges");
    return value.map((pair: unknown) => {
      if (!Array.isArray(pair) || pair.length !== 2) throw this.#wrong(name, "a list of ranges");
      return [this.#u64(pair[0], name), this.#u64(pair[1], name)];
    });
  }

  #u64(value: unknown, name: string): bigint {
    const number = typeof value === "string" ? u64Of(value) : null;
    if (number === null) throw this.#wrong(name, 'an address ("0x...")');
    return number;
  }

  #wrong(name: string, wanted: string): IoasisError {
    return new IoasisError("ERR_INPUT", `${this.#where()}: "${name}" must be ${wanted}`, { line: this.#line });
  }
}

/** The number that "0x" and 1 to 16 hex digits write, or null. Digit by digit: every step of a recording has several. */
function u64Of(text: string): bigint | null {
  const end = text.length;
  if (end < 3 || end > 18 || text.charCodeAt(0) !== 0x30 || (text.charCodeAt(1) | 0x20) !== 0x78) return null;
  let high = 0;
  let low = 0;
  for (let i = 2; i < end; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit < 0) return null;
    if (end - i > 8) high = high * 16 + digit;
    else low = low * 16 + digit;
  }
  return high === 0 ? BigInt(low) : (BigInt(high) << 32n) | BigInt(low);
}

/** -1: it is none. */
function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
