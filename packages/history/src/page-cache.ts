/**
 * The pages of chapters that were read last, up to a number of bytes: a young and an old half. What is asked for is
 * young; when the young half is full it becomes the old one, and what the old one still held is dropped.
 */
import type { PackedPage } from "@ioasis/codec";

/** What a page takes beside its bytes. */
const PAGE_OVERHEAD = 512;

export class PageCache {
  readonly #halfMax: number;
  #bytes = 0;
  #young = new Map<number, PackedPage>();
  #old = new Map<number, PackedPage>();

  constructor(bytesMax: number) {
    this.#halfMax = bytesMax / 2;
  }

  /** The page `key`; undefined: it was dropped, or never here. */
  get(key: number): PackedPage | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.put(key, old);
    return old;
  }

  put(key: number, page: PackedPage): void {
    this.#young.set(key, page);
    this.#bytes += page.bytes.length + PAGE_OVERHEAD;
    if (this.#bytes <= this.#halfMax) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#bytes = 0;
  }
}
