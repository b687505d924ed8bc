/** The TCE tables that a log has spoken of, and which of their entries are in use. */
import { type ByteLength, byteLength, type Iova } from "@ioasis/core";

const TABLES_MAX = 4_096;
/** The default window's pages, and the smallest there are. */
const SMALLEST_PAGE = 4_096n;
/** 16 GiB in pages of 4 KiB, more than a Set should hold; beyond this the table is no longer followed. */
const ENTRIES_MAX = 1 << 22;
/** Beyond so many entries in one call it is cheaper to look at those in use. */
const ENTRIES_WALKED_MAX = 65_536n;

export interface TceWindow {
  /** The PCI host bridge (buid). */
  readonly bridge: bigint;
  readonly iova: Iova;
  readonly last: Iova;
}

export class TceTable {
  /** Null: not told yet. */
  #pageSize: bigint | null = null;
  window: TceWindow | null = null;
  readonly #used = new Set<number>();
  #isFollowed: boolean;

  /** `isWhole`: its beginning is in the log, so that an entry that no line stored is empty. */
  constructor(isWhole: boolean) {
    this.#isFollowed = isWhole;
  }

  get hasPageSize(): boolean {
    return this.#pageSize !== null;
  }

  get pageSize(): bigint {
    return this.#pageSize ?? SMALLEST_PAGE;
  }

  set pageSize(bytes: bigint) {
    this.#pageSize = bytes;
  }

  store(first: bigint, pages: bigint): void {
    if (!this.#isFollowed) return;
    if (BigInt(this.#used.size) + pages > BigInt(ENTRIES_MAX)) {
      this.#used.clear();
      this.#isFollowed = false;
      return;
    }
    const from = Number(first / this.pageSize);
    for (let page = from; page < from + Number(pages); page++) this.#used.add(page);
  }

  /** How many bytes were mapped in the entries; all of them where the log does not tell. */
  clear(first: bigint, pages: bigint): ByteLength {
    const { pageSize } = this;
    if (!this.#isFollowed) return byteLength(pages * pageSize);
    const from = Number(first / pageSize);
    const to = from + Number(pages);
    let cleared = 0;
    if (pages <= ENTRIES_WALKED_MAX) {
      for (let page = from; page < to; page++) if (this.#used.delete(page)) cleared++;
    } else {
      for (const page of this.#used)
        if (page >= from && page < to) {
          this.#used.delete(page);
          cleared++;
        }
    }
    return byteLength(BigInt(cleared) * pageSize);
  }
}

export class TceTables {
  readonly #tables = new Map<number, TceTable>();

  find(liobn: number): TceTable | null {
    return this.#tables.get(liobn) ?? null;
  }

  /** A table that is older than the log when no line has spoken of it. */
  get(liobn: number): TceTable {
    const found = this.#tables.get(liobn);
    if (found !== undefined) return found;
    const table = new TceTable(false);
    this.add(liobn, table);
    return table;
  }

  add(liobn: number, table: TceTable): void {
    if (this.#tables.size >= TABLES_MAX) this.#tables.clear();
    this.#tables.set(liobn, table);
  }

  delete(liobn: number): void {
    this.#tables.delete(liobn);
  }

  /** The dynamic windows of a bridge. */
  ofBridge(bridge: bigint): number[] {
    return [...this.#tables].filter(([, table]) => table.window?.bridge === bridge).map(([liobn]) => liobn);
  }
}
