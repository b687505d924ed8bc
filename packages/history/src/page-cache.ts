/** The pages of chapters that were read last, up to a number of bytes. */
import type { PackedPage } from "@ioasis/codec";

/** What a page takes beside its bytes. */
const PAGE_OVERHEAD = 1024;

export class PageCache {
  readonly #bytesMax: number;
  #bytes = 0;
  /** The one used last at the end. */
  readonly #pages = new Map<number, PackedPage>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The page `key`, which `read` brings when it is not here. */
  get(key: number, read: () => PackedPage): PackedPage {
    const kept = this.#pages.get(key);
    if (kept !== undefined) {
      this.#pages.delete(key);
      this.#pages.set(key, kept);
      return kept;
    }
    const page = read();
    this.#pages.set(key, page);
    this.#bytes += page.bytes.length + PAGE_OVERHEAD;
    for (const [oldest, { bytes }] of this.#pages) {
      if (this.#bytes <= this.#bytesMax) break;
      this.#pages.delete(oldest);
      this.#bytes -= bytes.length + PAGE_OVERHEAD;
    }
    return page;
  }
}
