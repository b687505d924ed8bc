/**
 * Lists the blocks of a page of the directory by reading the heads of its frames; the pages used last are kept.
 *
 * Heads are guarded by themselves and numbered without gaps in their context, and each block names its versions:
 * what does not fit is looked at again with every hash, and is then damage with a place and a version.
 */
import { type BlockHeader, LEAF_VERSIONS, peekHeader } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import { FRAME_BLOCK, FRAME_HEAD_BYTES, FRAME_LEAF } from "./frame.ts";
import type { FrameLog, GlimpsedFrame, Place, ScanItem, ScannedSegment } from "./frame-log.ts";
import { PAGES_KEPT_MAX } from "./limits.ts";

export interface BlockPlace extends Place {
  readonly firstVersion: number;
  readonly lastVersion: number;
  /** Of its frame in the context. */
  readonly sequence: number;
}

/** A leaf border whose digest state is on the disk. */
export interface LeafPlace extends Place {
  readonly version: number;
}

/** Blocks that follow one another in one segment. */
interface Page {
  readonly segment: number;
  readonly firstVersion: number;
  readonly blocks: BlockPlace[];
  /** Ascending. */
  readonly leaves: LeafPlace[];
  /** Of the newest block. */
  version: number;
  /** Of the newest frame of the context, and the end of that frame: what follows is to be read yet. */
  sequence: number;
  offset: number;
}

export class BlockPages {
  readonly #log: FrameLog;
  /** By context and number in its directory; those used last are at the end. */
  readonly #kept = new Map<string, Page>();

  constructor(log: FrameLog) {
    this.#log = log;
  }

  /** The block that holds `version`, or null: there is none, or damage is in the way (the context then tells). */
  at(context: ContextLog, version: number): BlockPlace | null {
    if (version > context.version) return null;
    return blockIn(this.#page(context, version)?.blocks ?? [], version);
  }

  /** The newest leaf border at or below `version`, or null. */
  leafAt(context: ContextLog, version: number): LeafPlace | null {
    for (let at = version; at > 0; ) {
      const page = this.#page(context, at);
      const leaf = page?.leaves.findLast((one) => one.version <= version);
      if (leaf !== undefined) return leaf;
      at = (page?.firstVersion ?? 0) - 1;
    }
    return null;
  }

  #page(context: ContextLog, version: number): Page | null {
    const { blocks } = context;
    const number = blocks.find(version);
    if (number < 0) return null;
    const key = `${context.number}/${number}`;
    const page = this.#kept.get(key) ?? emptyPage(context, number);
    this.#kept.delete(key);
    this.#kept.set(key, page);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= PAGES_KEPT_MAX) break;
      this.#kept.delete(oldest);
    }
    if (page.version >= version) return page;
    const last = blocks.lastVersion(number, context.version);
    if (!fill(page, context, last, this.#log.glimpse(page))) {
      const fresh = emptyPage(context, number);
      this.#kept.set(key, fresh);
      this.#fillChecked(fresh, context, last);
      return fresh;
    }
    return page;
  }

  /** Reads every byte of the page; what is damaged ends the history. */
  #fillChecked(page: Page, context: ContextLog, last: number): void {
    const { segment } = page;
    const scanned = this.#log.scanFrom(page);
    if (fill(page, context, last, intact(scanned))) return;
    const isOwn = ({ head }: ScanItem) => head === null || head.context === context.number;
    const item = scanned.items.find((one) => one.offset >= page.offset && isOwn(one));
    const at = { file: this.#log.fileOf(segment), offset: item?.offset ?? scanned.end, context: context.name };
    const what = item?.isIntact === false ? item.what : "the frame that followed here is missing";
    context.breakOff({ ...at, version: page.version + 1, what }, page.version + 1);
  }
}

function emptyPage({ blocks }: ContextLog, number: number): Page {
  const { firstVersion, segment, offset, sequence } = blocks.start(number);
  const version = firstVersion - 1;
  return { segment, firstVersion, blocks: [], leaves: [], version, sequence: sequence - 1, offset };
}

/** Adds the blocks of `frames` up to version `last` to the page. @returns false when they do not lead there */
function fill(page: Page, context: ContextLog, last: number, frames: Iterable<GlimpsedFrame>): boolean {
  for (const { offset, next, head, beginning } of frames) {
    if (head.context !== context.number) continue;
    if (head.sequence !== page.sequence + 1) return false;
    const place = { segment: page.segment, offset, length: head.length };
    if (head.type === FRAME_BLOCK && !addBlock(page, context, last, place, beginning)) return false;
    if (head.type === FRAME_LEAF) page.leaves.push({ ...place, version: border(page.version) });
    page.sequence = head.sequence;
    page.offset = next;
    // The leaf of a block lies right behind it.
    if (page.version === last && !(head.type === FRAME_BLOCK && crossesBorder(page.blocks.at(-1)))) return true;
  }
  return page.version === last;
}

function addBlock(page: Page, context: ContextLog, last: number, place: Place, beginning: Uint8Array): boolean {
  const header = headerOf(beginning);
  if (header === null || header.contextId !== context.id || header.firstVersion !== page.version + 1) return false;
  const lastVersion = page.version + header.count;
  if (lastVersion > last) return false;
  page.blocks.push({ ...place, firstVersion: header.firstVersion, lastVersion, sequence: page.sequence + 1 });
  page.version = lastVersion;
  return true;
}

function headerOf(beginning: Uint8Array): BlockHeader | null {
  try {
    return peekHeader(beginning);
  } catch (error) {
    if (error instanceof IoasisError) return null;
    throw error;
  }
}

function* intact({ items }: ScannedSegment): Generator<GlimpsedFrame> {
  for (const item of items)
    if (item.isIntact) {
      const { offset, head, payload } = item;
      yield { offset, next: offset + FRAME_HEAD_BYTES + head.length, head, beginning: payload };
    }
}

/** The last leaf border at or below `version`. */
function border(version: number): number {
  return Math.floor(version / LEAF_VERSIONS) * LEAF_VERSIONS;
}

function crossesBorder(block: BlockPlace | undefined): boolean {
  return block !== undefined && border(block.lastVersion) >= block.firstVersion;
}

/** By bisection. */
function blockIn(blocks: readonly BlockPlace[], version: number): BlockPlace | null {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((blocks[middle] as BlockPlace).lastVersion < version) low = middle + 1;
    else high = middle;
  }
  return blocks[low] ?? null;
}
