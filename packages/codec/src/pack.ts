/** msgpack for records and messages: plain maps, no shared structures, so every value stands alone. */
import { Packr } from "msgpackr";

const packr = new Packr({ useRecords: false, largeBigIntToFloat: false, int64AsType: "bigint", mapsAsObjects: true });

/** Bytes of a value made of objects, arrays, strings, numbers, bigints up to 2^64-1, booleans, null, Uint8Array. */
export function pack(value: unknown): Uint8Array {
  return Uint8Array.from(packr.pack(value));
}

/** The value again. 64-bit integers come back as bigint, whatever their size. @throws Error on damage */
export function unpack(bytes: Uint8Array): unknown {
  return packr.unpack(bytes);
}
