/**
 * Walks msgpack bytes without building anything, so that the reader behind it only meets values
 * of our own subset whose declared sizes are covered by the bytes that are there.
 */
import { damaged } from "./damage.ts";

const DEPTH_MAX = 32;
/** Extension of msgpackr for integers beyond 64 bits. */
const EXT_BIGINT = 0x42;

/** @throws IoasisError ERR_BLOCK unless `bytes` is exactly one value of the subset in docs/FORMAT.md */
export function checkMsgpack(bytes: Uint8Array): void {
  const end = skip(bytes, 0, 0);
  if (end !== bytes.length) throw damaged(`msgpack: ${bytes.length - end} bytes behind the value`);
}

/** Position behind the value at `at`. */
function skip(bytes: Uint8Array, at: number, depth: number): number {
  if (depth > DEPTH_MAX) throw damaged(`msgpack: nested deeper than ${DEPTH_MAX}`);
  const token = read(bytes, at, 1);
  if (token < 0x80 || token >= 0xe0) return at + 1;
  if (token < 0x90) return skipMany(bytes, at + 1, token - 0x80, depth, true);
  if (token < 0xa0) return skipMany(bytes, at + 1, token - 0x90, depth, false);
  if (token < 0xc0) return take(bytes, at + 1, token - 0xa0);
  switch (token) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at + 1;
    case 0xc4: // bin
    case 0xd9: // str
      return take(bytes, at + 2, read(bytes, at + 1, 1));
    case 0xc5:
    case 0xda:
      return take(bytes, at + 3, read(bytes, at + 1, 2));
    case 0xc6:
    case 0xdb:
      return take(bytes, at + 5, read(bytes, at + 1, 4));
    case 0xcc: // uint 8
    case 0xd0: // int 8
      return take(bytes, at + 1, 1);
    case 0xcd:
    case 0xd1:
      return take(bytes, at + 1, 2);
    case 0xce:
    case 0xd2:
      return take(bytes, at + 1, 4);
    case 0xcb: // float 64
    case 0xcf: // uint 64
    case 0xd3: // int 64
      return take(bytes, at + 1, 8);
    case 0xd8: // 16 bytes of an extension
      if (read(bytes, at + 1, 1) !== EXT_BIGINT) break;
      return take(bytes, at + 2, 16);
    case 0xdc: // array
    case 0xdd:
    case 0xde: // map
    case 0xdf: {
      const size = token & 1 ? 4 : 2;
      return skipMany(bytes, at + 1 + size, read(bytes, at + 1, size), depth, token >= 0xde);
    }
  }
  throw damaged(`msgpack: byte 0x${token.toString(16)} at ${at} starts no value`);
}

function skipMany(bytes: Uint8Array, from: number, count: number, depth: number, isMap: boolean): number {
  const values = isMap ? 2 * count : count;
  // Every value takes a byte at least: a declared count that the bytes cannot hold is refused here.
  if (values > bytes.length - from) throw damaged(`msgpack: ${count} elements declared at ${from}`);
  let at = from;
  for (let i = 0; i < count; i++) {
    if (isMap) {
      const token = read(bytes, at, 1);
      if (!((token >= 0xa0 && token < 0xc0) || (token >= 0xd9 && token <= 0xdb)))
        throw damaged(`msgpack: a key at ${at} is no string`);
      at = skip(bytes, at, depth + 1);
    }
    at = skip(bytes, at, depth + 1);
  }
  return at;
}

function take(bytes: Uint8Array, at: number, length: number): number {
  if (length > bytes.length - at) throw damaged(`msgpack: ends inside a value at ${at}`);
  return at + length;
}

/** Big-endian number of 1, 2 or 4 bytes. */
function read(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw damaged(`msgpack: ends inside a value at ${at}`);
  let value = 0;
  for (let i = 0; i < size; i++) value = value * 256 + (bytes[at + i] as number);
  return value;
}
