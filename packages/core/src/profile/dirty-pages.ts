/** The io pages of one page table that devices have written since they were last read (its dirty bits). */
export class DirtyPages {
  readonly pageSize: bigint;
  readonly #pages = new Set<bigint>();

  constructor(pageSize: bigint) {
    this.pageSize = pageSize;
  }

  /** `page`: iova / page size. */
  mark(page: bigint): void {
    this.#pages.add(page);
  }

  /** Forgets the pages that touch `[first, last]`. */
  clear(first: bigint, last: bigint): void {
    for (const page of this.#pages) if (this.#touches(page, first, last)) this.#pages.delete(page);
  }

  /** First bytes of the dirty pages that touch `[first, last]`, in no order. */
  in(first: bigint, last: bigint): bigint[] {
    const found: bigint[] = [];
    for (const page of this.#pages) if (this.#touches(page, first, last)) found.push(page * this.pageSize);
    return found;
  }

  #touches(page: bigint, first: bigint, last: bigint): boolean {
    const start = page * this.pageSize;
    return start <= last && start + this.pageSize > first;
  }
}
