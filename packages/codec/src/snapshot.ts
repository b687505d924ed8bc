/**
 * A state as bytes, so that an opened history need not be folded from its start.
 *
 * "IOAS", format (1 byte), section of msgpack `{contextId, digest, state}`, then for each space
 * its known ranges and areas by column, then the SHA-256 of everything before. docs/FORMAT.md has
 * the details.
 */
import type { ContextState, Space } from "@ioasis/core";
import { readAreas, readKnown, writeAreas, writeKnown } from "./area-columns.ts";
import { ByteReader } from "./bytes.ts";
import { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged, newer } from "./damage.ts";
import { pack, unpack } from "./pack.ts";
import { Budget, readSection, writeSection } from "./section.ts";
import { sha256 } from "./sha256.ts";
import { stateOfRecord, stateRecord } from "./state-record.ts";
import { atOnce, type Steps } from "./steps.ts";

/** A state with the digest that goes on from it. */
export interface Snapshot {
  readonly contextId: string;
  readonly state: ContextState;
  /** `Digest.save()` at the state's version. */
  readonly digest: Uint8Array;
}

/** "IOAS" */
const MAGIC = [0x49, 0x4f, 0x41, 0x53];
/** Written; those from 1 on are read. Since 2: objects of iommufd beside spaces and page tables, the VFIO ioas. */
const FORMAT = 2;
const CHECKSUM_BYTES = 32;
/** Inflated bytes: some millions of areas. */
const SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024;

/**
 * Nothing is deflated: a snapshot is written and read often and kept shortly.
 * @throws IoasisError ERR_LIMIT when the state is too large for one
 */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  return atOnce(snapshotSteps(snapshot));
}

/**
 * `encodeSnapshot` in steps, the longest of which write a column of a space; a writer with something else to do does it
 * between two. The state must not change meanwhile.
 * @throws IoasisError ERR_LIMIT when the state is too large for one
 */
export function* snapshotSteps(snapshot: Snapshot): Steps<Uint8Array> {
  const { contextId, state, digest } = snapshot;
  const budget = new Budget(SNAPSHOT_BYTES_MAX);
  const columns = new ColumnWriter(0, budget, false);
  for (const byte of MAGIC) columns.out.u8(byte);
  columns.out.u8(FORMAT);
  writeSection(columns.out, pack({ contextId, digest, state: stateRecord(state) }), budget, false);
  for (const space of state.spaces) yield* writeSpace(columns, space);
  columns.out.raw(sha256(columns.out.take()));
  return columns.out.take();
}

/** @throws IoasisError ERR_BLOCK when it is damaged, ERR_NEWER when a newer version wrote it */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const content = checkedContent(bytes);
  const reader = new ByteReader(content);
  reader.raw(MAGIC.length + 1, "snapshot");
  const budget = new Budget(SNAPSHOT_BYTES_MAX);
  const columns = new ColumnReader(reader, 0, budget);
  const head = unpack(readSection(reader, budget, "snapshot: state"));
  if (typeof head !== "object" || head === null) throw damaged("snapshot: state");
  const { contextId, digest, state: record } = head as Readonly<Record<string, unknown>>;
  if (typeof contextId !== "string" || !(digest instanceof Uint8Array)) throw damaged("snapshot: state");
  const state = stateOfRecord(record);
  for (const space of state.spaces) readSpace(columns, space);
  reader.end("snapshot");
  return { contextId, state, digest };
}

/** The state must not change between the steps. */
export function* writeSpace(columns: ColumnWriter, space: Space): Steps<void> {
  writeKnown(columns, space.known);
  yield* writeAreas(columns, space.areas);
}

export function readSpace(columns: ColumnReader, space: Space): void {
  readKnown(columns, space.known);
  readAreas(columns, space.areas);
}

/** Everything but the checksum, which has been compared. */
function checkedContent(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes);
  for (const byte of MAGIC) if (reader.u8("snapshot") !== byte) throw damaged("snapshot: it does not begin with IOAS");
  const format = reader.u8("snapshot");
  if (format > FORMAT) throw newer("snapshot", format, FORMAT);
  if (format < 1) throw damaged(`snapshot: format ${format} never was`);
  const length = bytes.length - CHECKSUM_BYTES;
  const content = reader.raw(Math.max(0, length - reader.at), "snapshot");
  const checksum = reader.raw(CHECKSUM_BYTES, "snapshot: checksum");
  const expected = sha256(bytes.subarray(0, reader.at - CHECKSUM_BYTES));
  if (content.length === 0 || !checksum.every((byte, i) => byte === expected[i]))
    throw damaged("snapshot: the checksum differs");
  return bytes.subarray(0, length);
}
