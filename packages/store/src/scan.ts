/** Finds the frames in the bytes of a segment, and what of it is damaged. Pure. */
import { checkedHash, decodeHead, FRAME_HEAD_BYTES, MAGIC } from "./frame.ts";
import type { ScanItem, ScannedDamage, ScannedFrame } from "./frame-log.ts";
import { GROWTH_BYTES } from "./limits.ts";

/** Intact frames and damaged stretches, in order and without gaps. `base`: offset in the segment of the first byte. */
export function scan(bytes: Uint8Array, base = 0): ScanItem[] {
  const items: ScanItem[] = [];
  for (let at = 0; at < bytes.length; ) {
    const item = frameAt(bytes, at, base) ?? damageAt(bytes, at, base);
    items.push(item);
    at = item.isIntact ? at + FRAME_HEAD_BYTES + item.head.length : item.end - base;
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
 * Offset in the segment at which what was written ends, in the last segment, which is torn at `torn`: behind it a writer
 * that is gone left the zeros that the file had grown by. A file of another size has none.
 */
export function writtenEnd(bytes: Uint8Array, torn: number, base = 0): number {
  if ((base + bytes.length) % GROWTH_BYTES !== 0) return base + bytes.length;
  let end = bytes.length;
  while (base + end > torn && bytes[end - 1] === 0) end--;
  return base + end;
}

function frameAt(bytes: Uint8Array, at: number, base: number): ScannedFrame | null {
  const head = decodeHead(bytes, at);
  if (head === null || head.durable > base + at) return null;
  const start = at + FRAME_HEAD_BYTES;
  if (start + head.length > bytes.length) return null;
  const payload = bytes.subarray(start, start + head.length);
  const hash = checkedHash(bytes, at, payload);
  return hash === null ? null : { isIntact: true, offset: base + at, head, payload, hash };
}

function damageAt(bytes: Uint8Array, at: number, base: number): ScannedDamage {
  const head = decodeHead(bytes, at);
  const offset = base + at;
  if (head !== null) {
    const end = at + FRAME_HEAD_BYTES + head.length;
    if (end > bytes.length) {
      const what = `a frame of ${head.length} bytes is cut off by the end of the file`;
      return { isIntact: false, offset, end: base + bytes.length, head, payload: null, what };
    }
    const what = "the bytes of a frame differ from their hash";
    return { isIntact: false, offset, end: base + end, head, payload: null, what };
  }
  const end = nextFrame(bytes, at + 1, base);
  const body = bytes.subarray(Math.min(at + FRAME_HEAD_BYTES, end), end);
  const isProven = end - at >= FRAME_HEAD_BYTES && checkedHash(bytes, at, body) !== null;
  const what = isProven ? "the head of a frame is damaged" : `no frame can be read in ${end - at} bytes`;
  return { isIntact: false, offset, end: base + end, head: null, payload: isProven ? body : null, what };
}

/** Where the next intact frame begins at or after `from`, or the end. */
function nextFrame(bytes: Uint8Array, from: number, base: number): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = buffer.indexOf(MAGIC, from); at >= 0; at = buffer.indexOf(MAGIC, at + 1))
    if (frameAt(bytes, at, base) !== null) return at;
  return bytes.length;
}
