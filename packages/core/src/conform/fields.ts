/** Typed reading of one JSON object of a recording; what is missing or wrong is named. */
import { U64_MAX } from "../address.ts";
import { IoasisError } from "../failure.ts";

export class Fields {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #line: number;

  constructor(values: Readonly<Record<string, unknown>>, where: string, line: number) {
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
      return new Fields({ ...item }, `${this.#where}, ${name}`, this.#line);
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
    if (typeof value !== "string" || !/^0x[0-9a-f]{1,16}$/i.test(value))
      throw this.#wrong(name, 'an address ("0x...")');
    const number = BigInt(value);
    if (number > U64_MAX) throw this.#wrong(name, "64 bits");
    return number;
  }

  #wrong(name: string, wanted: string): IoasisError {
    return new IoasisError("ERR_INPUT", `${this.#where}: "${name}" must be ${wanted}`, { line: this.#line });
  }
}
