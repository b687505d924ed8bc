/**
 * The saved model of a live context as bytes, so that it opens without folding its history.
 *
 * "IOAM", format (1 byte), the digest of the history up to the model (32 bytes), section of msgpack
 * `{contextId, state, driver}`, the known ranges and areas of each space and then the driver's tables by column, then
 * the SHA-256 of everything before. docs/FORMAT.md has the details.
 */
import { AreaTable, type SavedModel } from "@ioasis/core";
import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { readAreas, writeAreas } from "./area-columns.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged, newer } from "./damage.ts";
import { driverOfRecord, tablesOf } from "./driver-record.ts";
import { pack, unpack } from "./pack.ts";
import { Budget, readSection, writeSection } from "./section.ts";
import { sha256 } from "./sha256.ts";
import { readSpace, writeSpace } from "./snapshot.ts";
import { stateOfRecord, stateRecord } from "./state-record.ts";
import { atOnce } from "./steps.ts";

export interface StoredModel {
  readonly contextId: string;
  /** Of the history up to the model's version, 64 hex digits. */
  readonly digest: string;
  readonly model: SavedModel;
}

/** "IOAM" */
const MAGIC = [0x49, 0x4f, 0x41, 0x4d];
/** The only one that is read: an older one is made anew from the history. */
const FORMAT = 1;
const HASH_BYTES = 32;
/** Inflated bytes: some millions of areas. */
const MODEL_BYTES_MAX = 256 * 1024 * 1024;

/**
 * The part that must be made before the model goes on; `sealModel` adds the digest, which may come later. As in a
 * snapshot, nothing is deflated.
 * @throws IoasisError ERR_LIMIT when the model is too large for one
 */
export function encodeModel(contextId: string, { state, driver, tables }: SavedModel): Uint8Array {
  const budget = new Budget(MODEL_BYTES_MAX);
  const columns = new ColumnWriter(0, budget, false);
  writeSection(columns.out, pack({ contextId, state: stateRecord(state), driver }), budget, false);
  for (const space of state.spaces) atOnce(writeSpace(columns, space));
  for (const table of tables) atOnce(writeAreas(columns, table));
  return columns.out.take();
}

/** `digest`: 64 hex digits. */
export function sealModel(encoded: Uint8Array, digest: string): Uint8Array {
  const out = new ByteWriter();
  for (const byte of MAGIC) out.u8(byte);
  out.u8(FORMAT);
  out.raw(hexToBytes(digest));
  out.raw(encoded);
  out.raw(sha256(out.take()));
  return out.take();
}

/** @throws IoasisError ERR_BLOCK when it is damaged or of an older format, ERR_NEWER when a newer version wrote it */
export function decodeModel(bytes: Uint8Array): StoredModel {
  const { digest, content } = checkedContent(bytes);
  const reader = new ByteReader(content);
  const budget = new Budget(MODEL_BYTES_MAX);
  const columns = new ColumnReader(reader, 0, budget);
  const head = unpack(readSection(reader, budget, "saved model"));
  if (typeof head !== "object" || head === null) throw damaged("saved model");
  const { contextId, state: stateFields, driver: driverFields } = head as Readonly<Record<string, unknown>>;
  if (typeof contextId !== "string") throw damaged("saved model: context");
  const state = stateOfRecord(stateFields);
  const driver = driverOfRecord(driverFields);
  for (const space of state.spaces) readSpace(columns, space);
  const tables = Array.from({ length: tablesOf(driver) }, () => {
    const table = new AreaTable();
    readAreas(columns, table);
    return table;
  });
  reader.end("saved model");
  return { contextId, digest, model: { state, driver, tables } };
}

/** What the checksum guards, without the digest before it. */
function checkedContent(bytes: Uint8Array): { readonly digest: string; readonly content: Uint8Array } {
  const reader = new ByteReader(bytes);
  for (const byte of MAGIC)
    if (reader.u8("saved model") !== byte) throw damaged("saved model: it does not begin with IOAM");
  const format = reader.u8("saved model");
  if (format > FORMAT) throw newer("saved model", format, FORMAT);
  if (format < FORMAT) throw damaged(`saved model: format ${format} is read no more`);
  const digest = bytesToHex(reader.raw(HASH_BYTES, "saved model: digest"));
  const content = reader.raw(Math.max(0, bytes.length - HASH_BYTES - reader.at), "saved model");
  const checksum = reader.raw(HASH_BYTES, "saved model: checksum");
  const expected = sha256(bytes.subarray(0, bytes.length - HASH_BYTES));
  if (!checksum.every((byte, i) => byte === expected[i])) throw damaged("saved model: the checksum differs");
  return { digest, content };
}
