/** The port for chapters: disposable parts of the history index, rebuilt from the journal where they are gone. */

/** A chapter by the versions that it holds. */
export interface ChapterName {
  readonly firstVersion: number;
  readonly lastVersion: number;
}

/** The bytes of a chapter where they lie. */
export interface ChapterBytes {
  readonly size: number;
  /** `length` bytes from `offset`; fewer where they end. The caller may keep them. @throws IoasisError ERR_DISK */
  read(offset: number, length: number): Uint8Array;
}

export interface ChapterStore {
  /** Whether `save` keeps anything. */
  readonly isWritable: boolean;
  /** A chapter has at least so many rows; the same for all chapters of a context. */
  readonly rowsMin: number;
  /** What is there of a context now, ascending by first and then by last version. */
  list(contextId: string): readonly ChapterName[];
  /** Null when it is gone. */
  open(contextId: string, name: ChapterName): ChapterBytes | null;
  /** Saves `encodeChapter` bytes, durable or not. @throws IoasisError ERR_DISK */
  save(contextId: string, name: ChapterName, bytes: Uint8Array): Promise<void>;
  /** No error when it is not there. */
  remove(contextId: string, name: ChapterName): void;
}

export function bytesInMemory(bytes: Uint8Array): ChapterBytes {
  return { size: bytes.length, read: (offset, length) => bytes.subarray(offset, offset + length) };
}

export class MemoryChapters implements ChapterStore {
  readonly isWritable = true;
  readonly rowsMin: number;
  readonly #saved = new Map<string, Map<string, { readonly name: ChapterName; readonly bytes: Uint8Array }>>();

  constructor(rowsMin: number) {
    this.rowsMin = rowsMin;
  }

  list(contextId: string): readonly ChapterName[] {
    return inOrder([...(this.#saved.get(contextId)?.values() ?? [])].map(({ name }) => name));
  }

  open(contextId: string, name: ChapterName): ChapterBytes | null {
    const saved = this.#saved.get(contextId)?.get(keyOf(name));
    return saved === undefined ? null : bytesInMemory(saved.bytes);
  }

  async save(contextId: string, name: ChapterName, bytes: Uint8Array): Promise<void> {
    const saved = this.#saved.get(contextId) ?? new Map();
    this.#saved.set(contextId, saved.set(keyOf(name), { name, bytes }));
  }

  remove(contextId: string, name: ChapterName): void {
    this.#saved.get(contextId)?.delete(keyOf(name));
  }
}

export function inOrder(names: readonly ChapterName[]): ChapterName[] {
  return [...names].sort((a, b) => a.firstVersion - b.firstVersion || a.lastVersion - b.lastVersion);
}

function keyOf({ firstVersion, lastVersion }: ChapterName): string {
  return `${firstVersion}-${lastVersion}`;
}
