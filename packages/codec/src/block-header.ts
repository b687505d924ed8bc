/** What stands before the columns of a block. */
import { assert } from "@ioasis/core";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { damaged, newer } from "./damage.ts";
import { pack, unpack } from "./pack.ts";

export interface BlockHeader {
  /** Random identity of the context. */
  readonly contextId: string;
  readonly epoch: number;
  readonly firstVersion: number;
  readonly count: number;
  /** Hash of the block before it in the context, "" for the first. */
  readonly previous: string;
  /** Digest of the history up to and including the last version of this block. */
  readonly digest: string;
  /** Where the events come from: an `ImportMark` of the store, opaque here. */
  readonly mark: unknown;
}

/** "IOAB" */
const MAGIC = [0x49, 0x4f, 0x41, 0x42];
/** Written; those from 1 on are read. Since 2: event types from 32 on, errno ERANGE, ENOSYS. Since 3: links, no names in the header. */
const FORMAT = 3;
const BY_POSITION = 3;
const FIELDS = 7;
const HEADER_BYTES_MAX = 64 * 1024;
const STORED_BYTES_MAX = 17 * 1024 * 1024;
export const ROWS_MAX = 65_536;
const EPOCH_MAX = 0xffff_ffff;
const HASH_DIGITS = 64;

/** Everything up to the body, of which `bodyLength` bytes follow. */
export function writeHeader(out: ByteWriter, header: BlockHeader, bodyLength: number): void {
  assert(isHeader(header), "the header of a block is within its limits");
  const { contextId, epoch, firstVersion, count, previous, digest, mark } = header;
  const packed = pack([contextId, epoch, firstVersion, count, hexToBytes(previous), hexToBytes(digest), mark]);
  assert(packed.length <= HEADER_BYTES_MAX, "the mark of a block is small");
  for (const byte of MAGIC) out.u8(byte);
  out.u8(FORMAT);
  out.u32(packed.length);
  out.raw(packed);
  out.u32(bodyLength);
}

export interface OpenBlock {
  readonly format: number;
  readonly header: BlockHeader;
  readonly body: Uint8Array;
}

/** Header and the bytes of the body. @throws IoasisError ERR_BLOCK, ERR_NEWER */
export function openBlock(bytes: Uint8Array): OpenBlock {
  const reader = new ByteReader(bytes);
  const { format, header } = readHeader(reader);
  const body = reader.raw(reader.u32(STORED_BYTES_MAX, "block: body length"), "block: body");
  reader.end("block");
  return { format, header, body };
}

/**
 * The header of a block of which only the beginning need be there.
 * @throws IoasisError ERR_BLOCK, ERR_NEWER
 */
export function peekHeader(bytes: Uint8Array): BlockHeader {
  return readHeader(new ByteReader(bytes)).header;
}

function readHeader(reader: ByteReader): Omit<OpenBlock, "body"> {
  for (const byte of MAGIC) if (reader.u8("block") !== byte) throw damaged("block: it does not begin with IOAB");
  const format = reader.u8("block");
  if (format > FORMAT) throw newer("block", format, FORMAT);
  if (format < 1) throw damaged(`block: format ${format} never was`);
  const packed = reader.raw(reader.u32(HEADER_BYTES_MAX, "block: header length"), "block: header");
  const value = unpack(packed);
  return { format, header: headerOf(format < BY_POSITION ? named(value) : value) };
}

/** The fields by name, as formats 1 and 2 have them, in the order of format 3. */
function named(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return null;
  const { contextId, epoch, firstVersion, count, previous, digest, mark } = value as Record<string, unknown>;
  return [contextId, epoch, firstVersion, count, previous, digest, mark];
}

function headerOf(value: unknown): BlockHeader {
  if (!Array.isArray(value) || value.length !== FIELDS) throw damaged("block: header");
  const [contextId, epoch, firstVersion, count, previous, digest, mark] = value as readonly unknown[];
  const header = { contextId, epoch, firstVersion, count, previous: hexOf(previous), digest: hexOf(digest), mark };
  if (!isHeader(header)) throw damaged("block: a field of the header is out of range");
  return header;
}

function hexOf(value: unknown): string {
  if (!(value instanceof Uint8Array)) throw damaged("block: a hash of the header is no bytes");
  return bytesToHex(value);
}

function isHeader(header: { readonly [F in keyof BlockHeader]: unknown }): header is BlockHeader {
  const { contextId, epoch, firstVersion, count, previous, digest } = header;
  return (
    typeof contextId === "string" &&
    isWhole(epoch, 0, EPOCH_MAX) &&
    isWhole(count, 1, ROWS_MAX) &&
    isWhole(firstVersion, 1, Number.MAX_SAFE_INTEGER - ROWS_MAX) &&
    typeof previous === "string" &&
    (previous === "" || previous.length === HASH_DIGITS) &&
    typeof digest === "string" &&
    digest.length === HASH_DIGITS
  );
}

function isWhole(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && (value as number) >= min && (value as number) <= max;
}
