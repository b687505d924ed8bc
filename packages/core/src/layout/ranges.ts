/** Small makers of layout entries. */
import { type Iova, U64_MAX } from "../address.ts";
import { IoasisError } from "../failure.ts";
import type { LayoutRange, LayoutReserved, RangeKind } from "./layout.ts";
import { sizeWords } from "./size.ts";

/** `length` bytes from `first`; nothing where there are none. */
export function part(kind: RangeKind, name: string, first: bigint, length: bigint): LayoutRange[] {
  if (length <= 0n) return [];
  return [{ first: first as Iova, last: (first + length - 1n) as Iova, kind, name }];
}

/** `[first, last]`; nothing where it is empty. */
export function span(kind: RangeKind, name: string, first: bigint, last: bigint): LayoutRange[] {
  return part(kind, name, first, last - first + 1n);
}

export function reservedPart(type: LayoutReserved["type"], name: string, first: bigint, last: bigint): LayoutReserved {
  return { first: first as Iova, last: last as Iova, type, name };
}

/** @throws IoasisError ERR_USAGE where memory ends beyond what the vCPU can address */
export function checkReach(end: bigint, physicalBits: number | undefined, what: string): void {
  const bits = physicalBits ?? 64;
  if (end <= (bits >= 64 ? U64_MAX + 1n : 1n << BigInt(bits))) return;
  throw new IoasisError(
    "ERR_USAGE",
    `${what} ends at 0x${end.toString(16)}, beyond the ${bits} address bits of the vCPU (${sizeWords(1n << BigInt(bits))}): give it more phys-bits, or the guest less memory`,
  );
}

export function inOrder(ranges: readonly LayoutRange[]): LayoutRange[] {
  return [...ranges].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
}
