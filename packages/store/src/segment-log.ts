/** Frames in append-only segment files, `segments/00000001.log` and on. */
import { assert } from "@ioasis/core";
import { CommitQueue } from "./commit-queue.ts";
import { type Disk, type DiskFile, writeAll } from "./disk.ts";
import { diskFailure } from "./disk-failure.ts";
import { checkedHash, decodeHead, encodeHead, FRAME_HEAD_BYTES, type FrameDraft } from "./frame.ts";
import type { Border, FrameLog, GlimpsedFrame, Place, ReadFrame, ScannedSegment } from "./frame-log.ts";
import type { Recovery } from "./journal.ts";
import { GROWTH_BYTES, OPEN_SEGMENTS_MAX, SEGMENT_BYTES_MAX } from "./limits.ts";
import { scan, tornAt, writtenEnd } from "./scan.ts";

const FOLDER = "segments";
const ZEROS = new Uint8Array(GROWTH_BYTES);
const NAME = /^(\d{8})\.log$/;
/** Read at once of frames that are glimpsed: many small ones, or the beginning of a large one ... */
const GLIMPSE_BYTES = 32 * 1024;
/** ... of which this much is enough to see what it is. */
const BEGINNING_BYTES = 8 * 1024;

export class SegmentLog implements FrameLog {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #queue = new CommitQueue((frames) => this.#write(frames));
  readonly #readers = new Map<number, DiskFile>();
  /** The segment that grows; null: none yet, or opened for reading only. */
  #file: DiskFile | null = null;
  #number = 0;
  /** Bytes of the newest segment that are durable and whole. */
  #size = 0;
  /** Bytes of its file: zeros from `#size` on. */
  #grown = 0;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  get pendingBytes(): number {
    return this.#queue.pendingBytes;
  }

  append(frames: readonly FrameDraft[], onDurable: (places: readonly Place[]) => void): Promise<void> {
    return this.#queue.push(frames, onDurable);
  }

  failure(): Error | null {
    return this.#queue.failure;
  }

  fileOf(segment: number): string {
    return `${FOLDER}/${String(segment).padStart(8, "0")}.log`;
  }

  /** Every segment from that of `border` to the newest; one that is missing comes as damage. */
  *scan({ segment, offset }: Border = { segment: 1, offset: 0 }): Generator<ScannedSegment> {
    const newest = this.#numbers().at(-1) ?? 0;
    for (let number = segment; number <= newest; number++)
      yield this.#scanOne(number, number === segment ? offset : 0, number === newest);
  }

  scanFrom({ segment, offset }: Border): ScannedSegment {
    return this.#scanOne(segment, offset, false);
  }

  /** Bytes of the segments 1 ... `upTo`; null for one that is missing. */
  sizes(upTo: number): (number | null)[] {
    return Array.from({ length: upTo }, (_, index) => this.#disk.sizeOf(this.#path(index + 1)));
  }

  /**
   * Begins to append behind what `scan` found intact: cuts off a torn write and makes sure that
   * the rest is on the disk (a process that was killed leaves it in the page cache).
   */
  async openForAppend({
    number,
    end,
    size,
  }: Pick<ScannedSegment, "number" | "end" | "size">): Promise<Recovery | null> {
    this.#number = number;
    this.#size = end;
    this.#grown = end;
    if (number === 0) return null;
    const file = this.fileOf(number);
    try {
      this.#file = this.#disk.open(this.#path(number), "append");
      if (end < size) await this.#file.truncate(end);
      else this.#grown = this.#file.size();
      await this.#file.datasync();
    } catch (error) {
      throw diskFailure(this.#disk, this.#path(number), "recover", error);
    }
    return end < size ? { file, offset: end, bytes: size - end } : null;
  }

  read({ segment, offset, length }: Place): ReadFrame | null {
    const bytes = new Uint8Array(FRAME_HEAD_BYTES + length);
    if (this.#read(segment, bytes, offset) < bytes.length) return null;
    const payload = bytes.subarray(FRAME_HEAD_BYTES);
    if (decodeHead(bytes, 0)?.length !== length) return null;
    const hash = checkedHash(bytes, 0, payload);
    return hash === null ? null : { payload, hash };
  }

  *glimpse({ segment, offset: from }: Border): Generator<GlimpsedFrame> {
    const bytes = new Uint8Array(GLIMPSE_BYTES);
    let base = from;
    let length = this.#read(segment, bytes, base);
    for (let offset = from; ; ) {
      if (offset > base && offset + FRAME_HEAD_BYTES + BEGINNING_BYTES > base + length) {
        base = offset;
        length = this.#read(segment, bytes, base);
      }
      const head = decodeHead(bytes.subarray(0, length), offset - base);
      if (head === null) return;
      const start = offset - base + FRAME_HEAD_BYTES;
      const next = offset + FRAME_HEAD_BYTES + head.length;
      yield { offset, next, head, beginning: bytes.subarray(start, Math.min(start + head.length, length)) };
      offset = next;
    }
  }

  async close(): Promise<void> {
    await this.#queue.drain();
    if (this.#queue.failure === null) await this.#trim().catch(() => undefined);
    for (const file of this.#readers.values()) file.close();
    this.#readers.clear();
    this.#file?.close();
    this.#file = null;
  }

  async #write(frames: readonly FrameDraft[]): Promise<Place[]> {
    const bytes = frames.reduce((sum, { payload }) => sum + FRAME_HEAD_BYTES + payload.length, 0);
    if (this.#file === null || (this.#size > 0 && this.#size + bytes > SEGMENT_BYTES_MAX)) await this.#roll();
    const file = this.#file;
    assert(file !== null, "a segment is open for appending");
    const start = this.#size;
    let end = start;
    const places: Place[] = [];
    const buffers: Uint8Array[] = [];
    for (const frame of frames) {
      places.push({ segment: this.#number, offset: end, length: frame.payload.length });
      buffers.push(encodeHead(frame, start), frame.payload);
      end += FRAME_HEAD_BYTES + frame.payload.length;
    }
    const grown = Math.ceil(end / GROWTH_BYTES) * GROWTH_BYTES;
    if (end > this.#grown) buffers.push(ZEROS.subarray(0, grown - end));
    try {
      await writeAll(file, buffers, start);
      await file.datasync();
    } catch (error) {
      const failure = diskFailure(this.#disk, file.path, "write to", error);
      // Nobody was told of these bytes. Should this fail too, the next opening finds them torn.
      await file.truncate(start).catch(() => undefined);
      throw failure;
    }
    this.#size = end;
    this.#grown = Math.max(this.#grown, grown);
    return places;
  }

  /** Begins the next segment. Its name is durable before a frame is in it. */
  async #roll(): Promise<void> {
    const folder = `${this.#directory}/${FOLDER}`;
    const path = this.#path(this.#number + 1);
    try {
      await this.#trim();
      const file = this.#disk.open(path, "append");
      this.#file?.close();
      this.#file = file;
      this.#number++;
      this.#size = 0;
      this.#grown = 0;
      await this.#disk.syncDirectory(folder);
    } catch (error) {
      throw diskFailure(this.#disk, path, "create", error);
    }
  }

  /** Cuts off the zeros behind the newest segment: those below it must end with a frame. */
  async #trim(): Promise<void> {
    if (this.#file === null || this.#grown === this.#size) return;
    await this.#file.truncate(this.#size);
    await this.#file.datasync();
    this.#grown = this.#size;
  }

  #scanOne(number: number, from: number, isNewest: boolean): ScannedSegment {
    const file = this.fileOf(number);
    const bytes = this.#bytesFrom(number, from);
    if (bytes === null) {
      const what = "the file is missing";
      const item = { isIntact: false, offset: 0, end: 0, head: null, payload: null, what } as const;
      return { number, file, items: [item], end: 0, size: 0 };
    }
    // Whoever appends knows what is durable; a write that is under way is not yet part of the journal.
    const isOwn = this.#file !== null;
    const whole = isOwn && number === this.#number ? Math.max(0, this.#size - from) : bytes.length;
    const items = scan(bytes.subarray(0, whole), from);
    const torn = isNewest && !isOwn ? tornAt(items) : null;
    if (torn === null) return { number, file, items, end: from + whole, size: from + whole };
    const kept = items.filter(({ offset }) => offset < torn);
    return { number, file, items: kept, end: torn, size: writtenEnd(bytes.subarray(0, whole), torn, from) };
  }

  #bytesFrom(number: number, from: number): Uint8Array | null {
    const path = this.#path(number);
    try {
      if (this.#disk.sizeOf(path) === null) return null;
      const file = this.#disk.open(path, "read");
      try {
        const bytes = new Uint8Array(Math.max(0, file.size() - from));
        return bytes.subarray(0, file.read(bytes, from));
      } finally {
        file.close();
      }
    } catch (error) {
      throw diskFailure(this.#disk, path, "read", error);
    }
  }

  #read(segment: number, target: Uint8Array, offset: number): number {
    try {
      return this.#reader(segment).read(target, offset);
    } catch (error) {
      throw diskFailure(this.#disk, this.#path(segment), "read", error);
    }
  }

  #reader(segment: number): DiskFile {
    const open = this.#readers.get(segment);
    if (open !== undefined) return open;
    const file = this.#disk.open(this.#path(segment), "read");
    this.#readers.set(segment, file);
    for (const [oldest, reader] of this.#readers) {
      if (this.#readers.size <= OPEN_SEGMENTS_MAX) break;
      this.#readers.delete(oldest);
      reader.close();
    }
    return file;
  }

  #numbers(): number[] {
    const names = this.#disk.list(`${this.#directory}/${FOLDER}`) ?? [];
    return names.flatMap((name) => NAME.exec(name)?.[1] ?? []).map(Number);
  }

  #path(segment: number): string {
    return `${this.#directory}/${this.fileOf(segment)}`;
  }
}
