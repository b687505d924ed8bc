/**
 * What the frames of a journal add up to: its contexts, its finished imports, its damage.
 *
 * The same fold runs at opening, after every commit and in `verify`. It never fails: what does not
 * fit is damage, and ends the history of the context that it is in, not that of the others.
 */
import { type BlockHeader, decodeHeader } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { AcceptedBlock } from "./block-maker.ts";
import { ContextLog } from "./context-log.ts";
import { FRAME_BLOCK, FRAME_CLOSED, FRAME_HEAD_BYTES, FRAME_LEAF, FRAME_RECORD, type FrameHead } from "./frame.ts";
import type { Border, LastFrame, Place, ScannedDamage, ScannedFrame, ScannedSegment } from "./frame-log.ts";
import type { Damage, FinishedImport } from "./journal.ts";
import { CHECKPOINT_FRAME_WORK } from "./limits.ts";
import { contextOf, decodeRecord } from "./records.ts";

const KNOWN_TYPES: readonly number[] = [FRAME_BLOCK, FRAME_RECORD, FRAME_LEAF, FRAME_CLOSED];

/** A block that took its place in its context's chain. */
export interface FoldedBlock {
  readonly context: ContextLog;
  readonly header: BlockHeader;
}

export class Catalog {
  readonly byName = new Map<string, ContextLog>();
  readonly byNumber = new Map<number, ContextLog>();
  readonly #byId = new Map<string, ContextLog>();
  /** By `importKey`: a file that grew has been finished at several lengths. */
  readonly imports = new Map<string, FinishedImport>();
  readonly damage: Damage[] = [];
  /** The highest number that any frame gives a context. */
  numberMax = 0;
  /** Of the newest frame that belongs to no context. */
  sequence = 0;
  /** The newest frame tells of a clean close, or there is none. */
  isClosed = true;
  /** The newest frame that was folded. */
  last: LastFrame | null = null;
  /** What was folded here, in bytes and frames (see `limits.ts`). */
  work = 0;

  foldSegment(segment: ScannedSegment): void {
    for (const item of segment.items)
      if (item.isIntact) this.foldFrame(item, segment);
      else this.foldDamage(item, segment);
  }

  /** After the last segment: what is still suspect counts as hit. */
  finish(): void {
    for (const context of this.byNumber.values()) if (context.suspect !== null) context.breakOff(context.suspect);
  }

  /** @returns the block, when the frame is one and fits */
  foldFrame(frame: ScannedFrame, { number, file }: Pick<ScannedSegment, "number" | "file">): FoldedBlock | null {
    const place = { segment: number, offset: frame.offset, length: frame.head.length };
    this.took(place, frame.hash);
    try {
      return this.#fold(frame, place, file);
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code === "ERR_NEWER") throw error;
      this.#note(this.byNumber.get(frame.head.context) ?? null, file, frame.offset, error.message);
      return null;
    }
  }

  /** Every frame comes by here, in order. */
  took(place: Place, hash: string): void {
    this.last = { ...place, hash };
    this.work += place.length + CHECKPOINT_FRAME_WORK;
  }

  /** Where the frames that were folded end. */
  get end(): Border {
    const { last } = this;
    if (last === null) return { segment: 1, offset: 0 };
    return { segment: last.segment, offset: last.offset + FRAME_HEAD_BYTES + last.length };
  }

  /** Takes a block that is known to fit, and the leaf behind it. */
  addBlock(context: ContextLog, { header, hash, frames }: AcceptedBlock, place: Place): void {
    context.sequence++;
    context.addBlock(header, hash, place, this.byNumber.size);
    context.sequence += frames.length - 1;
  }

  addContext(context: ContextLog): void {
    this.byName.set(context.name, context);
    this.byNumber.set(context.number, context);
    this.#byId.set(context.id, context);
    this.numberMax = Math.max(this.numberMax, context.number);
  }

  foldDamage(item: ScannedDamage, { file }: Pick<ScannedSegment, "file">): void {
    const victim = this.#victimOf(item);
    if (victim === "unknown") {
      const damage = { file, offset: item.offset, version: null, context: null, what: item.what };
      this.damage.push(damage);
      for (const context of this.byNumber.values()) if (context.damagedFrom === null) context.suspect ??= damage;
      return;
    }
    this.numberMax = Math.max(this.numberMax, victim.context);
    const context = this.byNumber.get(victim.context) ?? null;
    if (context !== null && (victim.type === FRAME_LEAF || context.damagedFrom !== null)) {
      context.sequence++;
      this.damage.push({ file, offset: item.offset, version: null, context: context.name, what: item.what });
      return;
    }
    if (victim.context === 0) this.sequence++;
    this.#note(context, file, item.offset, item.what);
  }

  /** Whose frame the damage hit, from what is left of it. */
  #victimOf({ head, payload }: ScannedDamage): Pick<FrameHead, "type" | "context"> | "unknown" {
    if (head !== null) return head;
    if (payload === null) return "unknown";
    if (payload.length === 0) return { type: FRAME_CLOSED, context: 0 };
    try {
      const context = this.#byId.get(decodeHeader(payload).contextId);
      if (context !== undefined) return { type: FRAME_BLOCK, context: context.number };
    } catch {
      // Not a block, then.
    }
    try {
      const { context, isLeaf } = contextOf(payload);
      return { type: isLeaf ? FRAME_LEAF : FRAME_RECORD, context };
    } catch {
      return "unknown";
    }
  }

  #note(context: ContextLog | null, file: string, offset: number, what: string): void {
    const version = context === null ? null : (context.damagedFrom ?? context.version + 1);
    const damage = { file, offset, version, context: context?.name ?? null, what };
    this.damage.push(damage);
    context?.breakOff(damage);
  }

  #fold(frame: ScannedFrame, place: Place, file: string): FoldedBlock | null {
    const { type, context: number, sequence } = frame.head;
    this.numberMax = Math.max(this.numberMax, number);
    this.isClosed = type === FRAME_CLOSED;
    if (!KNOWN_TYPES.includes(type)) throw newerFrame(type);
    if (type === FRAME_RECORD) {
      const record = decodeRecord(frame.payload);
      if (record.kind === "import") this.imports.set(importKey(record.finished), record.finished);
      if (record.kind === "context") {
        this.addContext(new ContextLog(record));
        return null;
      }
    }
    if (number === 0) {
      this.sequence = sequence;
      return null;
    }
    const context = this.byNumber.get(number);
    if (context === undefined) {
      this.#note(null, file, frame.offset, `context ${number} of this journal: the record that named it is lost`);
      return null;
    }
    if (context.damagedFrom !== null) return null;
    if (sequence !== context.sequence + 1) {
      const what = `frame ${context.sequence + 1} of the context is missing before this one, which is frame ${sequence}`;
      this.#note(context, file, frame.offset, what);
      return null;
    }
    context.suspect = null;
    context.sequence = sequence;
    if (type === FRAME_BLOCK) return this.#foldBlock(context, frame, place);
    if (type === FRAME_RECORD) this.#foldEpoch(context, frame);
    return null;
  }

  #foldBlock(context: ContextLog, { payload, hash }: ScannedFrame, place: Place): FoldedBlock {
    const header = decodeHeader(payload);
    if (header.contextId !== context.id) throw damaged("the block belongs to another context");
    if (header.firstVersion !== context.version + 1)
      throw damaged(`the block begins at version ${header.firstVersion} and not at ${context.version + 1}`);
    if (header.previous !== context.hash) throw damaged("the block names another predecessor than the one before it");
    context.addBlock(header, hash, place, this.byNumber.size);
    return { context, header };
  }

  #foldEpoch(context: ContextLog, { payload }: ScannedFrame): void {
    const record = decodeRecord(payload);
    if (record.kind === "epoch") context.addEpoch(record.epoch);
  }
}

function damaged(message: string): IoasisError {
  return new IoasisError("ERR_BLOCK", message);
}

function newerFrame(type: number): IoasisError {
  return new IoasisError("ERR_NEWER", `a frame of type ${type} was made by a newer ioasis. Upgrade this one`);
}

/** One import at one length of its file. */
export function importKey({ id, offset }: FinishedImport): string {
  return `${id}@${offset}`;
}
