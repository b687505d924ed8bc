/**
 * msgpack for records and messages: a subset that is deterministic and exact.
 *
 * A bigint is always int 64 or uint 64 (beyond that the extension 0x42), a number never is, so
 * each comes back as what it was. Keys are sorted, so equal values have equal bytes.
 */
import { Packr } from "msgpackr";
import { guarded } from "./damage.ts";
import { checkMsgpack } from "./msgpack-check.ts";
import { MsgpackWriter } from "./msgpack-write.ts";

const writer = new MsgpackWriter();
const reader = new Packr({
  useRecords: false,
  mapsAsObjects: true,
  variableMapSize: true,
  int64AsType: "bigint",
  largeBigIntToFloat: false,
  useBigIntExtension: true,
  copyBuffers: true,
});

/**
 * Bytes of a value made of objects, arrays, strings, numbers, bigints (-2^63 ... 2^64), booleans, null, Uint8Array.
 * A property that is undefined is dropped; half a surrogate pair in a string becomes U+FFFD.
 */
export function pack(value: unknown): Uint8Array {
  return writer.write(value);
}

/**
 * The value again. 64-bit integers come back as bigint, whatever their size.
 * @throws IoasisError ERR_BLOCK on bytes that `pack` does not make
 */
export function unpack(bytes: Uint8Array): unknown {
  checkMsgpack(bytes);
  return guarded("msgpack", () => reader.unpack(bytes) as unknown);
}
