/** Registered memory of a process (struct mm_iommu_table_group_mem_t): exact ranges with use counts, no two overlap. */

export interface Region {
  readonly va: bigint;
  /** Bytes. */
  readonly length: bigint;
  /** log2 of the largest page of a window that may map it. */
  readonly pageShift: number;
  /** Containers that registered it, and one more when an unregister was lost (see `put`). */
  used: number;
  /** 1, and one more for each TCE. */
  mapped: number;
}

export class RegionList {
  /** By address. */
  readonly #regions: Region[] = [];

  get size(): number {
    return this.#regions.length;
  }

  list(): readonly Region[] {
    return this.#regions;
  }

  /** mm_iommu_get: this range exactly. */
  exact(va: bigint, length: bigint): Region | null {
    const region = this.at(va);
    return region !== null && region.va === va && region.length === length ? region : null;
  }

  /** The region that holds byte `va`. */
  at(va: bigint): Region | null {
    const region = this.#regions[this.#after(va) - 1];
    return region !== undefined && va < region.va + region.length ? region : null;
  }

  /** mm_iommu_lookup: the region that holds all `length` bytes from `va`. */
  holding(va: bigint, length: bigint): Region | null {
    const region = this.at(va);
    return region !== null && va + length <= region.va + region.length ? region : null;
  }

  overlaps(va: bigint, length: bigint): boolean {
    const region = this.#regions[this.#after(va + length - 1n) - 1];
    return region !== undefined && va < region.va + region.length;
  }

  add(region: Region): void {
    this.#regions.splice(this.#after(region.va), 0, region);
  }

  /** @returns whether the region is gone, its pages no longer locked */
  put(region: Region): boolean {
    region.used--;
    if (region.used > 0) return false;
    // mm_iommu_put counts it up again and says EBUSY, which tce_iommu_unregister_pages does not look at.
    if (region.mapped !== 1) {
      region.used = 1;
      return false;
    }
    this.#regions.splice(this.#after(region.va) - 1, 1);
    return true;
  }

  /** mm_iommu_mapped_inc, mm_iommu_mapped_dec (which stops at 1) for each of `pages` TCEs to `va` and up. */
  count(va: bigint, length: bigint, pageShift: number, direction: 1 | -1): void {
    for (let next = va; next < va + length; ) {
      const region = this.at(next);
      if (region === null) return;
      const end = min(region.va + region.length, va + length);
      const pages = Number((end - next) >> BigInt(pageShift));
      region.mapped = Math.max(1, region.mapped + direction * pages);
      next = end;
    }
  }

  /** Position of the first region that begins above `va`. */
  #after(va: bigint): number {
    let [low, high] = [0, this.#regions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#regions[middle] as Region).va <= va) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
