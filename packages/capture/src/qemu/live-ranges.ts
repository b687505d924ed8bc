/**
 * Which ranges a recording has mapped so far in one space, to say how many bytes an unmap took:
 * QEMU prints what it asked for and not what the kernel answered.
 *
 * Only a space whose beginning the recording holds (`isWhole`) is known well enough for that.
 */
import { type ByteLength, byteLength } from "@ioasis/core";

/** VFIO allows 65,535 mappings by default; beyond this many the space counts as unknown. */
const RANGES_MAX = 1_048_576;
/** QEMU maps whole pages of the host, and no host has smaller ones. */
const PAGE_BYTES = 0x1000n;

export class LiveRanges {
  isWhole: boolean;
  readonly #lastOf = new Map<bigint, bigint>();

  constructor(isWhole: boolean) {
    this.isWhole = isWhole;
  }

  get size(): number {
    return this.#lastOf.size;
  }

  map(iova: bigint, last: bigint): void {
    if (this.#lastOf.size >= RANGES_MAX) {
      this.#lastOf.clear();
      this.isWhole = false;
    }
    this.#lastOf.set(iova, last);
  }

  /** Forgets what lies wholly inside `[iova, last]`; how many bytes that was. */
  unmap(iova: bigint, last: bigint): ByteLength {
    // The usual unmap is of one mapping, exactly.
    if (this.#lastOf.get(iova) === last) {
      this.#lastOf.delete(iova);
      return byteLength(last - iova + 1n);
    }
    let bytes = 0n;
    for (const first of this.#startsIn(iova, last)) {
      const end = this.#lastOf.get(first);
      if (end === undefined || end > last) continue;
      bytes += end - first + 1n;
      this.#lastOf.delete(first);
    }
    return byteLength(bytes);
  }

  /** Where mappings in the range may start: whichever is less, its pages or all mappings. */
  *#startsIn(iova: bigint, last: bigint): Generator<bigint> {
    if ((last - iova) / PAGE_BYTES < BigInt(this.#lastOf.size)) {
      for (let first = iova; first <= last; first += PAGE_BYTES) yield first;
    } else for (const first of this.#lastOf.keys()) if (first >= iova && first <= last) yield first;
  }
}
