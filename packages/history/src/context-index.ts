/**
 * The history index of one context: its versions in chapters, as rectangles of addresses and versions.
 *
 * Chapters that the journal keeps are read where they lie; what is missing, or behind the last of them, is
 * folded from the blocks when a question needs it. Where a chapter ends follows from the events alone, so a
 * chapter that is built again is the same.
 */
import { assert, type ContextState, IoasisError } from "@ioasis/core";
import { bytesInMemory, type ChapterBytes, type ChapterName, type Journal } from "@ioasis/store";
import { Chapter } from "./chapter.ts";
import { ChapterDraft, nothingCarried } from "./chapter-draft.ts";
import { carryOf, stateOf } from "./chapter-state.ts";
import { PageCache } from "./page-cache.ts";

/** Bytes of pages kept, over all contexts of a journal. */
const PAGE_BYTES_MAX = 64 * 1024 * 1024;
const EVENTS_PER_STEP = 4_096;
/** Chapters of a context whose directories are kept. */
const CHAPTERS_MAX = 256;

/** What the indexes of one journal share. */
interface Shelf {
  readonly cache: PageCache;
  readonly contexts: Map<string, ContextIndex>;
  /** Chapters opened so far: the key of the next one's pages. */
  opened: number;
}

const SHELVES = new WeakMap<Journal, Shelf>();

/** The index of a context, the same at every call. @throws IoasisError ERR_NO_CONTEXT */
export function indexOf(journal: Journal, context: string): ContextIndex {
  const shelf = SHELVES.get(journal) ?? { cache: new PageCache(PAGE_BYTES_MAX), contexts: new Map(), opened: 0 };
  SHELVES.set(journal, shelf);
  const info = journal.context(context);
  if (info === null)
    throw new IoasisError("ERR_NO_CONTEXT", `${context}: the journal has no such context`, { context });
  const known = shelf.contexts.get(info.id);
  if (known !== undefined) return known;
  const index = new ContextIndex(journal, context, info.id, shelf);
  shelf.contexts.set(info.id, index);
  return index;
}

export class ContextIndex {
  readonly journal: Journal;
  readonly context: string;
  readonly #id: string;
  readonly #shelf: Shelf;
  /** Whole chapters that follow each other from version 1 on. */
  readonly #names: ChapterName[] = [];
  /** Those of them that were built here and are not in the journal's store. */
  readonly #built = new Map<number, Uint8Array>();
  /** By first version, the one used last at the end. */
  readonly #open = new Map<number, Chapter>();
  #saved = 0;
  /** What comes behind the whole chapters. */
  #draft: ChapterDraft | null = null;
  /** The same, as far as it was when a question last came for it. */
  #tail: Chapter | null = null;

  constructor(journal: Journal, context: string, id: string, shelf: Shelf) {
    this.journal = journal;
    this.context = context;
    this.#id = id;
    this.#shelf = shelf;
    this.#findChapters();
  }

  /** The newest version that can be asked for. */
  get head(): number {
    return this.journal.context(this.context)?.head.version ?? 0;
  }

  /**
   * The chapter that holds `version`, 1 ... `head`.
   * @throws IoasisError ERR_DAMAGED where blocks that it must be built from are
   */
  chapterOf(version: number): Chapter {
    const at = this.#names.findLastIndex(({ firstVersion }) => firstVersion <= version);
    const name = this.#names[at];
    if (name !== undefined && version <= name.lastVersion) return this.#whole(name, at);
    if (this.#tail !== null && version <= this.#tail.lastVersion) return this.#tail;
    return this.#extend(version);
  }

  /** The state at `version`, a new object. @throws IoasisError ERR_VERSION, ERR_DAMAGED */
  stateAt(version: number): ContextState {
    if (version < 1 || version > this.head) return this.journal.state(this.context, version);
    return stateOf(this.chapterOf(version), version);
  }

  /** The state at `version` without areas, for looking until the next call. @throws IoasisError as `stateAt` */
  recordsAt(version: number): ContextState {
    if (version < 1 || version > this.head) return this.journal.state(this.context, version);
    return this.chapterOf(version).records.at(version);
  }

  /**
   * Builds up to the head in steps of some milliseconds. Between them questions may be asked, events appended and
   * chapters saved.
   */
  *building(): Generator<void> {
    for (;;) {
      const { head } = this;
      if ((this.#tail?.lastVersion ?? 0) >= head || (this.#names.at(-1)?.lastVersion ?? 0) >= head) return;
      const draft = this.#drafted();
      if (!draft.isFull) {
        const next = draft.lastVersion + 1;
        if (next > head) return;
        for (const batch of this.journal.batches(this.context, next, next))
          for (let until = next; until <= batch.lastVersion && !draft.isFull; yield)
            draft.take(batch, (until += EVENTS_PER_STEP) - 1);
      }
      if (!draft.isFull) continue;
      const bytes = yield* draft.encoding(this.#blockOf(draft.lastVersion));
      // A question that came between may have been faster.
      if (this.#draft === draft) this.#close(draft, bytes);
      yield;
    }
  }

  /** Puts the whole chapters that were built here into the journal's store, where it takes them. */
  async save(): Promise<void> {
    const { chapters } = this.journal;
    if (!chapters.isWritable) return;
    for (const [firstVersion, bytes] of this.#built) {
      const name = this.#names.find((each) => each.firstVersion === firstVersion);
      if (name !== undefined) await this.#replace(name, bytes);
      this.#built.delete(firstVersion);
      this.#open.delete(firstVersion);
    }
  }

  /** The newest version in the index. */
  get lastVersion(): number {
    return this.#draft?.lastVersion ?? this.#tail?.lastVersion ?? this.#names.at(-1)?.lastVersion ?? 0;
  }

  /** The newest version that the journal's store has chapters up to. */
  get savedVersion(): number {
    return this.#saved;
  }

  /** Puts what is behind the last whole chapter there too, so that the next session need not fold it. */
  async saveTail(): Promise<void> {
    const draft = this.#draft;
    if (!this.journal.chapters.isWritable || draft === null) return;
    const { firstVersion, lastVersion } = draft;
    if (lastVersion <= this.#saved) return;
    await this.#replace({ firstVersion, lastVersion }, draft.encode(this.#blockOf(lastVersion)));
  }

  /** What was there of the same chapter before goes once the new file is durable. */
  async #replace(name: ChapterName, bytes: Uint8Array): Promise<void> {
    const { chapters } = this.journal;
    await chapters.save(this.#id, name, bytes);
    this.#saved = Math.max(this.#saved, name.lastVersion);
    for (const old of chapters.list(this.#id))
      if (old.firstVersion === name.firstVersion && old.lastVersion !== name.lastVersion)
        chapters.remove(this.#id, old);
  }

  /** What the journal keeps, from version 1 on; at the end perhaps one that is not whole, which becomes the tail. */
  #findChapters(): void {
    const { head } = this;
    let next = 1;
    const all = this.journal.chapters.list(this.#id).filter(({ lastVersion }) => lastVersion <= head);
    for (;;) {
      const name = all.findLast(({ firstVersion }) => firstVersion === next);
      if (name === undefined) return;
      // Only the last one can be a part: it is opened to see.
      const isLast = !all.some(({ firstVersion }) => firstVersion === name.lastVersion + 1);
      const chapter = isLast ? this.#stored(name) : null;
      if (isLast && chapter === null) return;
      if (chapter !== null && !chapter.head.isWhole) {
        this.#tail = chapter;
        this.#saved = name.lastVersion;
        return;
      }
      this.#names.push(name);
      this.#saved = name.lastVersion;
      next = name.lastVersion + 1;
    }
  }

  #whole(name: ChapterName, at: number): Chapter {
    const { firstVersion } = name;
    const chapter = this.#open.get(firstVersion) ?? this.#stored(name) ?? this.#rebuilt(name, at);
    this.#open.delete(firstVersion);
    this.#open.set(firstVersion, chapter);
    if (this.#open.size > CHAPTERS_MAX) this.#open.delete(this.#open.keys().next().value as number);
    return chapter;
  }

  /** Null unless it is there, undamaged and of this history. */
  #stored(name: ChapterName): Chapter | null {
    const built = this.#built.get(name.firstVersion);
    if (built !== undefined) return this.#opened(bytesInMemory(built), name);
    const bytes = this.journal.chapters.open(this.#id, name);
    if (bytes === null) return null;
    try {
      const chapter = this.#opened(bytes, name);
      const { contextId, block } = chapter.head;
      const isIts = chapter.firstVersion === name.firstVersion && chapter.lastVersion === name.lastVersion;
      return contextId === this.#id && isIts && block === this.#blockOf(name.lastVersion) ? chapter : null;
    } catch (error) {
      if (error instanceof IoasisError) return null;
      throw error;
    }
  }

  /** A chapter whose file is gone or damaged. */
  #rebuilt(name: ChapterName, at: number): Chapter {
    const bytes = this.#build(name, at);
    if (bytes !== null) {
      this.#built.set(name.firstVersion, bytes);
      return this.#opened(bytesInMemory(bytes), name);
    }
    // Whatever wrote the file cut the history elsewhere: from here on all is built anew.
    for (const { firstVersion } of this.#names.splice(at)) {
      this.#open.delete(firstVersion);
      this.#built.delete(firstVersion);
    }
    this.#tail = null;
    this.#draft = null;
    return this.#extend(name.lastVersion);
  }

  /** The bytes of a chapter from the one before it and the blocks; null when it does not end there. */
  #build({ firstVersion, lastVersion }: ChapterName, at: number): Uint8Array | null {
    const draft = this.#draftFrom(firstVersion, at);
    for (const batch of this.journal.batches(this.context, firstVersion, lastVersion)) draft.take(batch, lastVersion);
    return draft.lastVersion === lastVersion ? draft.encode(this.#blockOf(lastVersion)) : null;
  }

  #draftFrom(firstVersion: number, at: number): ChapterDraft {
    const before = this.#names[at - 1];
    const carry = before === undefined ? nothingCarried() : carryOf(this.#whole(before, at - 1));
    return new ChapterDraft(this.#id, firstVersion, this.journal.chapters.rowsMin, carry);
  }

  /** Builds on until `version` is in the tail or a whole chapter. */
  #extend(version: number): Chapter {
    for (;;) {
      const draft = this.#drafted();
      this.#fill(draft, version);
      if (!draft.isFull) {
        const { firstVersion, lastVersion } = draft;
        const bytes = bytesInMemory(draft.encode(this.#blockOf(lastVersion)));
        this.#tail = this.#opened(bytes, { firstVersion, lastVersion });
        return this.#tail;
      }
      this.#close(draft, draft.encode(this.#blockOf(draft.lastVersion)));
      if (draft.lastVersion >= version) return this.chapterOf(version);
    }
  }

  #drafted(): ChapterDraft {
    const next = (this.#names.at(-1)?.lastVersion ?? 0) + 1;
    this.#draft ??= this.#draftFrom(next, this.#names.length);
    return this.#draft;
  }

  /** A full draft becomes a whole chapter. */
  #close(draft: ChapterDraft, bytes: Uint8Array): void {
    const { firstVersion, lastVersion } = draft;
    this.#built.set(firstVersion, bytes);
    this.#names.push({ firstVersion, lastVersion });
    this.#draft = draft.next();
    this.#tail = null;
  }

  /** Folds blocks into the draft until it is full or has all that is intact; up to `version` that must be. */
  #fill(draft: ChapterDraft, version: number): void {
    try {
      for (const batch of this.journal.batches(this.context, draft.lastVersion + 1, this.head)) {
        draft.take(batch);
        if (draft.isFull) return;
      }
    } catch (error) {
      if (draft.lastVersion < version) throw error;
    }
    assert(draft.lastVersion >= version || draft.isFull, `version ${version} is in the journal`);
  }

  #opened(bytes: ChapterBytes, name: ChapterName): Chapter {
    const repair = (): ChapterBytes | null => {
      const at = this.#names.findIndex(({ firstVersion }) => firstVersion === name.firstVersion);
      const built = this.#build(name, at < 0 ? this.#names.length : at);
      return built === null ? null : bytesInMemory(built);
    };
    return new Chapter(bytes, this.#shelf.opened++, this.#shelf.cache, repair);
  }

  #blockOf(version: number): string {
    const [block] = this.journal.blocks(this.context, version, version);
    return block?.hash ?? "";
  }
}
