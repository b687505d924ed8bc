/** Dirty bitmaps as the recordings print them. */
import type { UserBitmap } from "../type1/commands.ts";
import type { Fields } from "./fields.ts";

/** As much of a bitmap as the recorder prints, bytes. */
const PRINTED_BYTES_MAX = 4096n;

/** The struct vfio_bitmap of a call, or null where it passed none. `bitmap_data`: an address of its own choice. */
export function userBitmap(given: Fields): UserBitmap | null {
  if (!given.has("bitmap_size")) return null;
  return {
    pageSize: given.u64("pgsize"),
    bytes: given.u64("bitmap_size"),
    address: given.has("bitmap_data") ? given.u64("bitmap_data") : null,
    fill: given.number("fill"),
  };
}

/** The buffer after the call. After a refusal the recorder prints it only where it had filled it before. */
export function bitmapOut(
  bitmap: UserBitmap | null,
  words: ReadonlyMap<bigint, bigint> | null,
  isDone: boolean,
): Readonly<Record<string, unknown>> {
  if (bitmap === null || (!isDone && bitmap.fill === 0)) return {};
  const bytes = Number(bitmap.bytes < PRINTED_BYTES_MAX ? bitmap.bytes : PRINTED_BYTES_MAX);
  const view = new DataView(new ArrayBuffer(8 * Math.ceil(bytes / 8)));
  for (let at = 0; at < bytes; at++) view.setUint8(at, bitmap.fill);
  for (const [word, bits] of words ?? [])
    if (word * 8n < BigInt(bytes)) view.setBigUint64(Number(word) * 8, bits, true);
  const text = Array.from({ length: bytes }, (_, at) => view.getUint8(at).toString(16).padStart(2, "0"));
  return { bitmap: text.join("") };
}
