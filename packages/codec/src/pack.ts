/**
 * msgpack for records and messages: a subset that is deterministic and exact.
 *
 * A bigint is always int 64 or uint 64 (beyond that the extension 0x42), a number never is, so
 * each comes back as what it was. Keys are sorted, so equal values have equal bytes.
 */
import { assert } from "@ioasis/core";
import { Packr } from "msgpackr";
import { guarded } from "./damage.ts";
import { checkMsgpack } from "./msgpack-check.ts";

const packr = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  int64AsType: "bigint",
  largeBigIntToFloat: false,
  useBigIntExtension: true,
  copyBuffers: true,
});

const INT_MIN = -(1n << 63n);
/** The length of the whole space: one more than a u64 holds. */
const LENGTH_MAX = 1n << 64n;

/** Half of a surrogate pair: UTF-8 has no bytes for it. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;
const LONE_SURROGATES = /[\ud800-\udfff]/gu;

/**
 * Bytes of a value made of objects, arrays, strings, numbers, bigints (-2^63 ... 2^64), booleans, null, Uint8Array.
 * A property that is undefined is dropped; half a surrogate pair in a string becomes U+FFFD.
 */
export function pack(value: unknown): Uint8Array {
  return new Uint8Array(packr.pack(canonical(value)));
}

/**
 * The value again. 64-bit integers come back as bigint, whatever their size.
 * @throws IoasisError ERR_BLOCK on bytes that `pack` does not make
 */
export function unpack(bytes: Uint8Array): unknown {
  checkMsgpack(bytes);
  return guarded("msgpack", () => packr.unpack(bytes) as unknown);
}

/** The string with nothing in it that UTF-8 cannot hold. */
export function wellFormed(text: string): string {
  return LONE_SURROGATE.test(text) ? text.replace(LONE_SURROGATES, "\ufffd") : text;
}

/** The same value with sorted keys. */
function canonical(value: unknown): unknown {
  if (typeof value === "string") return wellFormed(value);
  if (typeof value !== "object" || value === null) {
    assert(typeof value !== "function" && typeof value !== "symbol", "a function has no bytes");
    assert(typeof value !== "bigint" || (INT_MIN <= value && value <= LENGTH_MAX), "a bigint is -2^63 ... 2^64");
    return value ?? null;
  }
  if (value instanceof Uint8Array) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(canonical);
  assert(!(value instanceof Map || value instanceof Set || value instanceof Date), "only plain objects have bytes");
  const sorted: Record<string, unknown> = Object.create(null);
  for (const [key, field] of Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
    if (field !== undefined) sorted[wellFormed(key)] = canonical(field);
  return sorted;
}
