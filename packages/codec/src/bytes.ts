/** Growing bytes to write, bounded bytes to read. All numbers little-endian. */
import type { IoasisError } from "@ioasis/core";
import { damaged } from "./damage.ts";

export class ByteWriter {
  length = 0;
  #bytes = new Uint8Array(256);

  u8(value: number): void {
    this.#room(1)[this.length++] = value;
  }

  u32(value: number): void {
    const bytes = this.#room(4);
    for (let i = 0; i < 4; i++) bytes[this.length++] = value >>> (8 * i);
  }

  /** 0 ... 2^53-1, seven bits a byte, lowest first. */
  varint(value: number): void {
    const bytes = this.#room(8);
    let rest = value;
    while (rest > 0x7f) {
      bytes[this.length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    bytes[this.length++] = rest;
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length).set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A copy of everything written. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  #room(bytes: number): Uint8Array {
    if (this.length + bytes > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + bytes));
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }
}

/** Every method throws IoasisError ERR_BLOCK where the bytes end too early or a number is over its limit. */
export class ByteReader {
  at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(what: string): number {
    const byte = this.#bytes[this.at];
    if (byte === undefined) throw endsEarly(what, this.at);
    this.at++;
    return byte;
  }

  u32(max: number, what: string): number {
    const bytes = this.raw(4, what);
    let value = 0;
    for (let i = 3; i >= 0; i--) value = value * 256 + (bytes[i] as number);
    return checked(value, max, what);
  }

  varint(max: number, what: string): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8(what);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return checked(value, max, what);
      scale *= 0x80;
    }
    throw damaged(`${what}: number too long`, { offset: this.at });
  }

  /** A view of the next `length` bytes. */
  raw(length: number, what: string): Uint8Array {
    if (length > this.#bytes.length - this.at) throw endsEarly(what, this.at);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  end(what: string): void {
    if (this.at !== this.#bytes.length)
      throw damaged(`${what}: ${this.#bytes.length - this.at} bytes too many`, { offset: this.at });
  }
}

function endsEarly(what: string, offset: number): IoasisError {
  return damaged(`${what}: the bytes end early`, { offset });
}

function checked(value: number, max: number, what: string): number {
  if (value > max) throw damaged(`${what}: ${value} is over the limit of ${max}`);
  return value;
}
