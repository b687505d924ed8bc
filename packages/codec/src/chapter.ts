/**
 * A chapter: some consecutive versions of a context, as rectangles of addresses and versions that can be
 * searched where they lie. Derived from blocks and disposable. docs/FORMAT.md has the bytes.
 *
 * Every mapped range that was alive at any version of the chapter is a row: carried into it or mapped in it.
 * Events that the rows of mapped ranges do not tell are rows too (`ROW_KIND_...`), which are never alive.
 */
import type { Actor, ClockColumn, ColdEvent, IoasHandle } from "@ioasis/core";
import { sha256 } from "@noble/hashes/sha2.js";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { damaged, newer } from "./damage.ts";
import { pack, unpack } from "./pack.ts";
import { PackedPage, pageChecksum } from "./packed-page.ts";
import { Budget, readSection, writeSection } from "./section.ts";

/** Columns of a page of rows. Versions are counted from the chapter's first (0) where it says so. */
export const ROW_IOVA = 0;
/** Last byte - first byte. */
export const ROW_SIZE = 1;
/** Of the event that mapped it, or that the row is. */
export const ROW_VERSION = 2;
/** 0: it has its shape from `ROW_VERSION` on. Else 1 + the version (from the first) that cut it out of a larger range. */
export const ROW_CUT = 3;
/** The version (from the first) at which it was gone; the number of versions: it outlived the chapter. */
export const ROW_ENDED = 4;
/** `ROW_KIND_...` and bits. */
export const ROW_HOW = 5;
/** Handle of the space + 1; 0: none is named. */
export const ROW_IOAS = 6;
/** As in `EventBatch`. */
export const ROW_TRAITS = 7;
/** Of a mapped range: where its first byte comes from. Of a refusal: the length asked. Of a record event: its place in the list. */
export const ROW_VALUE = 8;
export const ROW_FD = 9;
/** 1 + where its run list begins behind the cells; 0: it has none. */
export const ROW_RUNS = 10;
export const ROW_COLUMNS = 11;

export const ROW_KIND_MAPPED = 0;
export const ROW_KIND_UNMAPPED = 1;
export const ROW_KIND_MAP_REFUSED = 2;
export const ROW_KIND_UNMAP_REFUSED = 3;
export const ROW_KIND_RECORD = 4;
export const ROW_KIND_MASK = 7;
/** It ended by an unmap of exactly its range, which has no row of its own. */
export const ROW_UNMAPPED_WHOLE = 8;
/** Its event spoke of bytes of which no event had spoken before. */
export const ROW_LEARNS = 16;
/** So did the unmap of `ROW_UNMAPPED_WHOLE`. */
export const ROW_END_LEARNS = 32;
/** The unmap found nothing mapped. */
export const ROW_TOOK_NOTHING = 64;

/** Columns of a page of marks, a row a version. */
export const MARK_CLOCK = 0;
export const MARK_TICKS = 1;
export const MARK_ACTOR = 2;
export const MARK_ERRNO = 3;
export const MARK_COLUMNS = 4;

export const PAGE_ROWS = 256;
/** Zones are kept in doubles: addresses without their lowest bits are exact in them. */
export const ZONE_SHIFT = 11n;

/** "IOAH" */
const MAGIC = [0x49, 0x4f, 0x41, 0x48];
const FORMAT = 1;
const HEAD_BYTES = 8;
const HASH_BYTES = 32;
export const TRAILER_BYTES = 4 + HASH_BYTES;
const DIRECTORY_BYTES_MAX = 256 * 1024 * 1024;
const PAGES_MAX = 0x40_0000;

/** What a chapter says of itself. */
export interface ChapterHead {
  readonly contextId: string;
  readonly firstVersion: number;
  /** Number of versions. */
  readonly count: number;
  /** It ends where a chapter of this history ends, not only where the history had got to. */
  readonly isWhole: boolean;
  /** Hash of the block that holds the last version, 64 hex digits. */
  readonly block: string;
  readonly actors: readonly Actor[];
  readonly clocks: readonly ClockColumn[];
  /** The least reading of each of `clocks`, in its ticks. */
  readonly leastTicks: readonly bigint[];
  /** Names of the clocks that stamp maps and unmaps, by first use. */
  readonly mappingClocks: readonly string[];
  readonly records: readonly ColdEvent<IoasHandle>[];
  /** Version of each of `records`. */
  readonly recordVersions: readonly number[];
  /** Spaces that a map or unmap was the first to name: `[version, handle]`. */
  readonly founded: readonly (readonly [version: number, handle: IoasHandle])[];
  /** `encodeSnapshot` of the state before the first version, without its areas. */
  readonly state: Uint8Array;
}

/** Where pages lie and what they hold; a number a page in each array. */
export interface PageDirectory {
  readonly pages: number;
  readonly offset: Uint32Array;
  readonly length: Uint32Array;
  readonly checksum: Uint32Array;
}

export interface ZonedDirectory extends PageDirectory {
  /** Least first and greatest last address, `>> ZONE_SHIFT`. */
  readonly leastIova: Float64Array;
  readonly greatestLast: Float64Array;
  readonly greatestSize: BigUint64Array;
  /** From the chapter's first version: since when a row of it was alive, and until when. */
  readonly leastBorn: Uint32Array;
  readonly greatestEnded: Uint32Array;
}

export interface ChapterDirectory {
  readonly head: ChapterHead;
  readonly rows: ZonedDirectory;
  readonly marks: PageDirectory;
  /** Of the directory, in which the pages' checksums are. */
  readonly hash: Uint8Array;
  /** About how many bytes of memory it takes. */
  readonly bytes: number;
}

/** A page, and what its directory says of it. */
export interface RowPage {
  readonly bytes: Uint8Array;
  readonly leastIova: number;
  readonly greatestLast: number;
  readonly greatestSize: bigint;
  readonly leastBorn: number;
  readonly greatestEnded: number;
}

/** @throws IoasisError ERR_LIMIT when it is too large */
export function encodeChapter(head: ChapterHead, rows: readonly RowPage[], marks: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter();
  for (const byte of MAGIC) out.u8(byte);
  out.u32(FORMAT);
  const places = [...rows.map(({ bytes }) => bytes), ...marks].map((bytes) => {
    const offset = out.length;
    out.raw(bytes);
    return { offset, length: bytes.length, checksum: pageChecksum(bytes) };
  });
  const directory = new ByteWriter();
  writeSection(directory, pack(head), new Budget(DIRECTORY_BYTES_MAX));
  directory.u32(rows.length);
  directory.u32(marks.length);
  const put = (array: Float64Array | BigUint64Array | Uint32Array): void =>
    directory.raw(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  put(Float64Array.from(rows, ({ leastIova }) => leastIova));
  put(Float64Array.from(rows, ({ greatestLast }) => greatestLast));
  put(BigUint64Array.from(rows.map(({ greatestSize }) => greatestSize)));
  put(Uint32Array.from(rows, ({ leastBorn }) => leastBorn));
  put(Uint32Array.from(rows, ({ greatestEnded }) => greatestEnded));
  put(Uint32Array.from(places, ({ offset }) => offset));
  put(Uint32Array.from(places, ({ length }) => length));
  put(Uint32Array.from(places, ({ checksum }) => checksum));
  const bytes = directory.take();
  out.raw(bytes);
  out.u32(bytes.length);
  out.raw(sha256(bytes));
  return out.take();
}

/**
 * The directory of a chapter of `size` bytes, of which `read` gives parts.
 * @throws IoasisError ERR_BLOCK when it is damaged, ERR_NEWER
 */
export function readChapter(size: number, read: (offset: number, length: number) => Uint8Array): ChapterDirectory {
  if (size < HEAD_BYTES + TRAILER_BYTES) throw damaged("chapter: the bytes end early");
  const start = new ByteReader(read(0, HEAD_BYTES));
  for (const byte of MAGIC) if (start.u8("chapter") !== byte) throw damaged("chapter: it does not begin with IOAH");
  const format = start.u32(0xffff_ffff, "chapter: format");
  if (format > FORMAT) throw newer("chapter", format, FORMAT);
  const trailer = new ByteReader(read(size - TRAILER_BYTES, TRAILER_BYTES));
  const length = trailer.u32(size - HEAD_BYTES - TRAILER_BYTES, "chapter: directory");
  const hash = trailer.raw(HASH_BYTES, "chapter: hash");
  const bytes = read(size - TRAILER_BYTES - length, length);
  const actual = sha256(bytes);
  if (!hash.every((byte, i) => byte === actual[i])) throw damaged("chapter: the hash of its directory differs");
  return directoryOf(bytes, actual);
}

function directoryOf(bytes: Uint8Array, hash: Uint8Array): ChapterDirectory {
  const reader = new ByteReader(bytes);
  const head = unpack(readSection(reader, new Budget(DIRECTORY_BYTES_MAX), "chapter: head")) as ChapterHead;
  const rows = reader.u32(PAGES_MAX, "chapter: row pages");
  const marks = reader.u32(PAGES_MAX, "chapter: mark pages");
  // The arrays need not lie on a multiple of their size.
  const copy = (length: number): ArrayBuffer => new Uint8Array(reader.raw(length, "chapter")).buffer;
  const doubles = (count: number): Float64Array => new Float64Array(copy(8 * count));
  const longs = (count: number): BigUint64Array => new BigUint64Array(copy(8 * count));
  const words = (count: number): Uint32Array => new Uint32Array(copy(4 * count));
  const leastIova = doubles(rows);
  const greatestLast = doubles(rows);
  const greatestSize = longs(rows);
  const leastBorn = words(rows);
  const greatestEnded = words(rows);
  const offset = words(rows + marks);
  const length = words(rows + marks);
  const checksum = words(rows + marks);
  reader.end("chapter");
  const part = (from: number, count: number): PageDirectory => ({
    pages: count,
    offset: offset.subarray(from, from + count),
    length: length.subarray(from, from + count),
    checksum: checksum.subarray(from, from + count),
  });
  return {
    head,
    rows: { ...part(0, rows), leastIova, greatestLast, greatestSize, leastBorn, greatestEnded },
    marks: part(rows, marks),
    hash,
    bytes: bytes.length,
  };
}

/** @throws IoasisError ERR_BLOCK unless the bytes are those of page `index` */
export function readPage(directory: PageDirectory, index: number, columns: number, bytes: Uint8Array): PackedPage {
  if (pageChecksum(bytes) !== directory.checksum[index]) throw damaged("chapter: the checksum of a page differs");
  return new PackedPage(bytes, columns);
}
