/** Writes the msgpack subset of docs/FORMAT.md: keys in order, the shortest form of each number. `msgpack-check.ts` is the mirror. */
import { assert } from "@ioasis/core";

const INT64_MIN = -(1n << 63n);
const INT64_MAX = (1n << 63n) - 1n;
/** The length of the whole space: one more than a u64 holds. */
const LENGTH_MAX = 1n << 64n;
/** Extension for integers beyond 64 bits; all of its 16 bytes but one are 0 for 2^64. */
const EXT_BIGINT = 0x42;
const EXT_BYTES = 18;
const LENGTH_MAX_BYTE = 9;
/** What is kept for the next value. */
const KEPT_BYTES_MAX = 64 * 1024;

/** Types of a container or a run of bytes: where its length fits the first byte, then of 8, 16 and 32 bits. */
interface Forms {
  readonly fix: number;
  readonly fixMax: number;
  readonly in8: number | null;
  readonly in16: number;
}
const STRING: Forms = { fix: 0xa0, fixMax: 31, in8: 0xd9, in16: 0xda };
const BYTES: Forms = { fix: 0, fixMax: -1, in8: 0xc4, in16: 0xc5 };
const ARRAY: Forms = { fix: 0x90, fixMax: 15, in8: null, in16: 0xdc };
const MAP: Forms = { fix: 0x80, fixMax: 15, in8: null, in16: 0xde };

const encoder = new TextEncoder();

export class MsgpackWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The bytes of one value, a copy. */
  write(value: unknown): Uint8Array {
    this.#length = 0;
    this.#value(value);
    const written = this.#bytes.slice(0, this.#length);
    if (this.#bytes.length > KEPT_BYTES_MAX) this.#take(new Uint8Array(KEPT_BYTES_MAX));
    return written;
  }

  #value(value: unknown): void {
    if (typeof value === "string") this.#text(value);
    else if (typeof value === "number") this.#number(value);
    else if (typeof value === "bigint") this.#bigint(value);
    else if (typeof value === "boolean") this.#u8(value ? 0xc3 : 0xc2);
    else {
      assert(typeof value === "object" || value === undefined, "a function has no bytes");
      this.#object(value ?? null);
    }
  }

  #object(value: object | null): void {
    if (value === null) this.#u8(0xc0);
    else if (Array.isArray(value)) {
      this.#head(ARRAY, value.length);
      for (const item of value) this.#value(item);
    } else if (value instanceof Uint8Array) {
      this.#head(BYTES, value.length);
      this.#raw(value);
    } else this.#map(value as Readonly<Record<string, unknown>>);
  }

  #map(value: Readonly<Record<string, unknown>>): void {
    assert(!(value instanceof Map || value instanceof Set || value instanceof Date), "only plain objects have bytes");
    const keys = Object.keys(value);
    let count = 0;
    let isSorted = true;
    for (let i = 0; i < keys.length; i++) {
      if (value[keys[i] as string] !== undefined) count++;
      if (i > 0 && (keys[i - 1] as string) > (keys[i] as string)) isSorted = false;
    }
    if (!isSorted) keys.sort();
    this.#head(MAP, count);
    for (const key of keys) {
      const field = value[key];
      if (field === undefined) continue;
      this.#text(key);
      this.#value(field);
    }
  }

  #text(value: string): void {
    if (value.length <= STRING.fixMax && this.#ascii(value)) return;
    // Half a surrogate pair becomes U+FFFD.
    const bytes = encoder.encode(value);
    this.#head(STRING, bytes.length);
    this.#raw(bytes);
  }

  /** A short text letter by letter; false where a letter takes more than a byte. */
  #ascii(value: string): boolean {
    this.#room(1 + value.length);
    const at = this.#length;
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) return false;
      this.#bytes[at + 1 + i] = unit;
    }
    this.#bytes[at] = STRING.fix | value.length;
    this.#length = at + 1 + value.length;
    return true;
  }

  #number(value: number): void {
    if (value >>> 0 === value) this.#unsigned(value);
    else if (value >> 0 === value) this.#negative(value);
    else {
      this.#room(9);
      this.#bytes[this.#length] = 0xcb;
      this.#view.setFloat64(this.#length + 1, value);
      this.#length += 9;
    }
  }

  #unsigned(value: number): void {
    if (value < 0x80) this.#u8(value);
    else if (value < 0x100) this.#sized(0xcc, value, 1);
    else if (value < 0x1_0000) this.#sized(0xcd, value, 2);
    else this.#sized(0xce, value, 4);
  }

  #negative(value: number): void {
    if (value >= -0x20) this.#u8(value & 0xff);
    else if (value >= -0x80) this.#sized(0xd0, value, 1);
    else if (value >= -0x8000) this.#sized(0xd1, value, 2);
    else this.#sized(0xd2, value, 4);
  }

  #bigint(value: bigint): void {
    assert(INT64_MIN <= value && value <= LENGTH_MAX, "a bigint is -2^63 ... 2^64");
    this.#room(EXT_BYTES);
    const at = this.#length;
    if (value === LENGTH_MAX) {
      this.#bytes.fill(0, at, at + EXT_BYTES);
      this.#bytes[at] = 0xd8;
      this.#bytes[at + 1] = EXT_BIGINT;
      this.#bytes[at + LENGTH_MAX_BYTE] = 1;
      this.#length = at + EXT_BYTES;
      return;
    }
    const isSigned = value <= INT64_MAX;
    this.#bytes[at] = isSigned ? 0xd3 : 0xcf;
    if (isSigned) this.#view.setBigInt64(at + 1, value);
    else this.#view.setBigUint64(at + 1, value);
    this.#length = at + 9;
  }

  #head({ fix, fixMax, in8, in16 }: Forms, length: number): void {
    if (length <= fixMax) this.#u8(fix | length);
    else if (in8 !== null && length < 0x100) this.#sized(in8, length, 1);
    else if (length < 0x1_0000) this.#sized(in16, length, 2);
    else this.#sized(in16 + 1, length, 4);
  }

  /** A type and a big-endian number behind it. */
  #sized(type: number, value: number, bytes: 1 | 2 | 4): void {
    this.#u8(type);
    for (let shift = 8 * (bytes - 1); shift >= 0; shift -= 8) this.#u8(value >>> shift);
  }

  #raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #u8(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + bytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#take(grown);
  }

  #take(bytes: Uint8Array<ArrayBuffer>): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }
}
