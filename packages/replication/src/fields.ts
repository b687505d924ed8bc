/** Reads a record that came from outside, field by field; anything unexpected is ERR_PROTOCOL. */
import { unpack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";

const TEXT_MAX = 4_096;

export class Fields {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #what: string;

  /** `what`: the record's name in error messages. */
  constructor(value: unknown, what: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw new IoasisError("ERR_PROTOCOL", `${what} is not a record`);
    this.#record = value as Readonly<Record<string, unknown>>;
    this.#what = what;
  }

  text(name: string): string {
    const value = this.#record[name];
    if (typeof value !== "string" || value.length > TEXT_MAX) throw this.#wrong(name, "a text");
    return value;
  }

  textOrNull(name: string): string | null {
    return this.#record[name] === null ? null : this.text(name);
  }

  /** SHA-256 in 64 hex digits. */
  hash(name: string): string {
    const value = this.text(name);
    if (!/^[0-9a-f]{64}$/.test(value)) throw this.#wrong(name, "64 hex digits");
    return value;
  }

  /** A hash, or "" where there is none. */
  hashOrEmpty(name: string): string {
    return this.#record[name] === "" ? "" : this.hash(name);
  }

  /** A whole number, not negative, exact in a double. */
  count(name: string): number {
    const value = this.#record[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw this.#wrong(name, "a count");
    return value;
  }

  flag(name: string): boolean {
    const value = this.#record[name];
    if (typeof value !== "boolean") throw this.#wrong(name, "true or false");
    return value;
  }

  /** Bytes, at least one. */
  bytes(name: string): Uint8Array {
    const value = this.#record[name];
    if (!(value instanceof Uint8Array) || value.byteLength === 0) throw this.#wrong(name, "bytes");
    return value;
  }

  list(name: string, lengthMax: number): readonly unknown[] {
    const value = this.#record[name];
    if (!Array.isArray(value)) throw this.#wrong(name, "a list");
    if (value.length > lengthMax) throw this.#wrong(name, `a list of at most ${lengthMax}`);
    return value;
  }

  /** A record inside this one. */
  inner(name: string): Fields {
    return new Fields(this.#record[name], `${this.#what}: ${name}`);
  }

  innerOrNull(name: string): Fields | null {
    return this.#record[name] === null ? null : this.inner(name);
  }

  #wrong(name: string, expected: string): IoasisError {
    const problem = name in this.#record ? `is not ${expected}` : "is missing";
    return new IoasisError("ERR_PROTOCOL", `${this.#what}: ${name} ${problem}`, { field: name });
  }
}

/** The fields of a packed record. @throws IoasisError ERR_PROTOCOL when the bytes are none */
export function packedFields(bytes: Uint8Array, what: string): Fields {
  let value: unknown;
  try {
    value = unpack(bytes);
  } catch (cause) {
    throw new IoasisError("ERR_PROTOCOL", `${what} cannot be read`, {}, { cause });
  }
  return new Fields(value, what);
}
