/** CRC-32C (Castagnoli, RFC 3720 B.4): guards the few bytes of a frame's head. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ 0x82f63b78 : value >>> 1;
  return value;
});

/** Of bytes `from` ... `to - 1`. */
export function crc32c(bytes: Uint8Array, from = 0, to = bytes.length): number {
  let value = 0xffffffff;
  for (let at = from; at < to; at++) value = (value >>> 8) ^ (TABLE[(value ^ (bytes[at] as number)) & 0xff] as number);
  return (value ^ 0xffffffff) >>> 0;
}
