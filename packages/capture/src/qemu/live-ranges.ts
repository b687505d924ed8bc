/**
 * Which ranges a recording has mapped so far in one space, to say how many bytes an unmap took:
 * QEMU prints what it asked for and not what the kernel answered.
 *
 * Only a space whose beginning the recording holds (`isWhole`) is known well enough for that.
 */
import { byteLength, type ByteLength } from "@ioasis/core";

/** VFIO allows 65,535 mappings by default; beyond this many the space counts as unknown. */
const RANGES_MAX = 1_048_576;

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
    for (const [first, end] of this.#lastOf) {
      if (first < iova || end > last) continue;
      bytes += end - first + 1n;
      this.#lastOf.delete(first);
    }
    return byteLength(bytes);
  }
}
