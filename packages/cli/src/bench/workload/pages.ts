/** Where the pages of a workload lie: page numbers to addresses. */
export const PAGE_BYTES = 0x1000n;

export type Spread = "dense" | "sparse";

/** Odd, so that multiplying by it is one to one on numbers of PAGE_BITS. */
const SCATTER = 0x9_e377_9b97n;
/** Pages of a 48-bit address space. */
const PAGE_BITS = 36;

/** Addresses of the pages 0 ... count - 1: one behind the other, or scattered over 48 bits. */
export function pageAddresses(count: number, spread: Spread): BigUint64Array {
  const addresses = new BigUint64Array(count);
  for (let page = 0; page < count; page++) {
    const place = spread === "dense" ? BigInt(page) : BigInt.asUintN(PAGE_BITS, BigInt(page) * SCATTER);
    addresses[page] = place * PAGE_BYTES;
  }
  return addresses;
}
