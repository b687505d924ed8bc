/** Chapters of the history index as files, `index/CONTEXT-FIRST-LAST.chapter`. */
import { assert } from "@ioasis/core";
import { type ChapterBytes, type ChapterName, type ChapterStore, inOrder } from "./chapter-store.ts";
import { type Disk, type DiskFile, replaceFile } from "./disk.ts";
import { codeOf, diskFailure } from "./disk-failure.ts";
import { CHAPTER_ROWS_MIN, OPEN_CHAPTERS_MAX } from "./limits.ts";

const FOLDER = "index";
const SLAB_BYTES = 256 * 1024;
const NAME = /^([0-9a-f]+)-(\d{1,16})-(\d{1,16})\.chapter$/;

export class ChapterFiles implements ChapterStore {
  readonly isWritable: boolean;
  readonly rowsMin: number;
  readonly #disk: Disk;
  readonly #directory: string;
  /** Files open for reading, the one used last at the end. */
  readonly #open = new Map<string, DiskFile>();
  #slab = new Uint8Array(0);
  #slabUsed = SLAB_BYTES;

  constructor(disk: Disk, directory: string, isWritable: boolean, rowsMin = CHAPTER_ROWS_MIN) {
    this.#disk = disk;
    this.#directory = `${directory}/${FOLDER}`;
    this.isWritable = isWritable;
    this.rowsMin = rowsMin;
  }

  list(contextId: string): readonly ChapterName[] {
    const names: ChapterName[] = [];
    for (const file of this.#disk.list(this.#directory) ?? []) {
      const [, id, first, last] = NAME.exec(file) ?? [];
      if (id === contextId) names.push({ firstVersion: Number(first), lastVersion: Number(last) });
    }
    return inOrder(names);
  }

  open(contextId: string, name: ChapterName): ChapterBytes | null {
    const path = this.#path(contextId, name);
    try {
      const size = this.#file(path).size();
      return { size, read: (offset, length) => this.#read(path, offset, length) };
    } catch {
      // Unreadable is as good as absent: it is built again from the blocks.
      return null;
    }
  }

  async save(contextId: string, name: ChapterName, bytes: Uint8Array): Promise<void> {
    assert(/^[0-9a-f]+$/.test(contextId), "the id of a context is hex digits");
    if (!this.isWritable) return;
    const path = this.#path(contextId, name);
    try {
      this.#disk.makeDirectory(this.#directory);
      await replaceFile(this.#disk, this.#directory, fileOf(contextId, name), [bytes]);
    } catch (error) {
      throw diskFailure(this.#disk, path, "write the index", error);
    }
  }

  remove(contextId: string, name: ChapterName): void {
    if (!this.isWritable) return;
    const path = this.#path(contextId, name);
    this.#close(path);
    try {
      this.#disk.remove(path);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw diskFailure(this.#disk, path, "remove", error);
    }
  }

  close(): void {
    for (const path of [...this.#open.keys()]) this.#close(path);
  }

  #read(path: string, offset: number, length: number): Uint8Array {
    try {
      const bytes = this.#room(length);
      return bytes.subarray(0, this.#file(path).read(bytes, offset));
    } catch (error) {
      throw diskFailure(this.#disk, path, "read", error);
    }
  }

  /** Pages are cut from slabs: those that were read together are dropped together. */
  #room(length: number): Uint8Array {
    if (length > SLAB_BYTES / 4) return new Uint8Array(length);
    if (this.#slabUsed + length > SLAB_BYTES) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    this.#slabUsed += length;
    return this.#slab.subarray(this.#slabUsed - length, this.#slabUsed);
  }

  #file(path: string): DiskFile {
    const file = this.#open.get(path) ?? this.#disk.open(path, "read");
    this.#open.delete(path);
    this.#open.set(path, file);
    if (this.#open.size > OPEN_CHAPTERS_MAX) this.#close(this.#open.keys().next().value as string);
    return file;
  }

  #close(path: string): void {
    this.#open.get(path)?.close();
    this.#open.delete(path);
  }

  #path(contextId: string, name: ChapterName): string {
    return `${this.#directory}/${fileOf(contextId, name)}`;
  }
}

function fileOf(contextId: string, { firstVersion, lastVersion }: ChapterName): string {
  return `${contextId}-${firstVersion}-${lastVersion}.chapter`;
}
