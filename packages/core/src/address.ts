/**
 * I/O virtual addresses and lengths in bytes.
 *
 * The last byte of the space is 2^64-1, so a range is closed: `[iova, last]`. Its length is
 * 2^64 when it is the whole space, which fits a bigint but not a u64; on disk and on the wire
 * a range is therefore always its two ends.
 *
 * Mirrors `struct iommu_iova_range` (include/uapi/linux/iommufd.h).
 */
declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** Byte address, 0 ... 2^64-1. */
export type Iova = Branded<bigint, "Iova">;
/** Number of bytes, 0 ... 2^64. */
export type ByteLength = Branded<bigint, "ByteLength">;

export const U64_MAX = 0xffff_ffff_ffff_ffffn;
const LENGTH_MAX = 1n << 64n;

/** @throws RangeError outside 0 ... 2^64-1: the door (decoder, command line) checks before. */
export function iova(value: bigint): Iova {
  if (0n <= value && value <= U64_MAX) return value as Iova;
  throw new RangeError(`address ${value} is outside 0 ... 2^64-1`);
}

/** @throws RangeError outside 0 ... 2^64. */
export function byteLength(value: bigint): ByteLength {
  if (0n <= value && value <= LENGTH_MAX) return value as ByteLength;
  throw new RangeError(`length ${value} is outside 0 ... 2^64`);
}

/** Whether `length` bytes from `start` stay inside the 64-bit space; length 0 does not. */
export function fits(start: Iova, length: bigint): boolean {
  return length > 0n && start + length - 1n <= U64_MAX;
}

/** The last byte of the `length` bytes from `start`; ask `fits` first. */
export function lastOf(start: Iova, length: bigint): Iova {
  return iova(start + length - 1n);
}

/** The number of bytes in `[first, last]`. */
export function lengthOf(first: bigint, last: bigint): ByteLength {
  return (last - first + 1n) as ByteLength;
}

/** `0x...`, the form of every address in JSON. */
export function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
