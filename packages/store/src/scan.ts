/** Finds the frames in the bytes of a segment, and what of it is damaged. Pure. */
import { checkedHash, decodeHead, FRAME_HEAD_BYTES, MAGIC } from "./frame.ts";
import type { ScanItem, ScannedDamage, ScannedFrame } from "./frame-log.ts";
import { GROWTH_BYTES } from "./limits.ts";

/** Intact frames and damaged stretches, in order and without gaps. */
export function scan(bytes: Uint8Array): ScanItem[] {
  const items: ScanItem[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const item = frameAt(bytes, offset) ?? damageAt(bytes, offset);
    items.push(item);
    offset = item.isIntact ? offset + FRAME_HEAD_BYTES + item.head.length : item.end;
  }
  return items;
}

/**
 * Where a torn write begins in the last segment, or null when it ends cleanly.
 *
 * Damage is a torn write when nothing behind it was written after it had been acknowledged:
 * no intact frame says that the disk was known to hold the place.
 */
export function tornAt(items: readonly ScanItem[]): number | null {
  let durable = 0;
  for (const item of items) if (item.isIntact && item.head.durable > durable) durable = item.head.durable;
  const torn = items.find((item) => !item.isIntact && item.offset >= durable);
  return torn?.offset ?? null;
}

/**
 * Where what was written ends in the last segment, which is torn at `torn`: behind it a writer that is gone left the
 * zeros that the file had grown by. A file of another size has none.
 */
export function writtenEnd(bytes: Uint8Array, torn: number): number {
  if (bytes.length % GROWTH_BYTES !== 0) return bytes.length;
  let end = bytes.length;
  while (end > torn && bytes[end - 1] === 0) end--;
  return end;
}

function frameAt(bytes: Uint8Array, offset: number): ScannedFrame | null {
  const head = decodeHead(bytes, offset);
  if (head === null || head.durable > offset) return null;
  const start = offset + FRAME_HEAD_BYTES;
  if (start + head.length > bytes.length) return null;
  const payload = bytes.subarray(start, start + head.length);
  const hash = checkedHash(bytes, offset, payload);
  return hash === null ? null : { isIntact: true, offset, head, payload, hash };
}

function damageAt(bytes: Uint8Array, offset: number): ScannedDamage {
  const head = decodeHead(bytes, offset);
  if (head !== null) {
    const end = offset + FRAME_HEAD_BYTES + head.length;
    if (end > bytes.length) {
      const what = `a frame of ${head.length} bytes is cut off by the end of the file`;
      return { isIntact: false, offset, end: bytes.length, head, payload: null, what };
    }
    return { isIntact: false, offset, end, head, payload: null, what: "the bytes of a frame differ from their hash" };
  }
  const end = nextFrame(bytes, offset + 1);
  const body = bytes.subarray(Math.min(offset + FRAME_HEAD_BYTES, end), end);
  const isProven = end - offset >= FRAME_HEAD_BYTES && checkedHash(bytes, offset, body) !== null;
  const what = isProven ? "the head of a frame is damaged" : `no frame can be read in ${end - offset} bytes`;
  return { isIntact: false, offset, end, head: null, payload: isProven ? body : null, what };
}

/** Offset of the next intact frame at or after `from`, or the end. */
function nextFrame(bytes: Uint8Array, from: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = buffer.indexOf(MAGIC, from); at >= 0; at = buffer.indexOf(MAGIC, at + 1))
    if (frameAt(bytes, at) !== null) return at;
  return bytes.length;
}
