/**
 * A sealed block: a batch of events as bytes, by column. docs/FORMAT.md describes every byte.
 */
import { assert, EventBatch, IoasisError } from "@ioasis/core";
import { bytesToHex } from "@noble/hashes/utils.js";
import { batchProblem } from "./batch-check.ts";
import { type BlockHeader, openBlock, writeHeader } from "./block-header.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { ColumnReader, ColumnWriter } from "./column.ts";
import { damaged } from "./damage.ts";
import { readDictionaries, writeDictionaries } from "./dictionaries.ts";
import { readColumns } from "./read-columns.ts";
import { Budget } from "./section.ts";
import { sha256 } from "./sha256.ts";
import { writeColumns } from "./write-columns.ts";

/** Inflated bytes of one block's body. */
const BODY_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Encoded block: header and columns. Deterministic.
 * @throws IoasisError ERR_LIMIT when the batch is too large, or holds what no reader would take
 */
export function encodeBlock(header: BlockHeader, batch: EventBatch): Uint8Array {
  assert(
    header.count === batch.length && header.firstVersion === batch.firstVersion && header.epoch === batch.epoch,
    "the header describes the batch",
  );
  const problem = batchProblem(batch);
  if (problem !== null)
    throw new IoasisError("ERR_LIMIT", `these events cannot be stored: ${problem}`, { version: batch.firstVersion });
  const budget = new Budget(BODY_BYTES_MAX);
  const columns = new ColumnWriter(batch.length, budget);
  writeDictionaries(columns, batch, budget);
  writeColumns(columns, batch);
  const out = new ByteWriter();
  writeHeader(out, header, columns.out.length);
  out.raw(columns.out.take());
  return out.take();
}

/**
 * @throws IoasisError ERR_BLOCK when the bytes are no block of this format, ERR_NEWER when a newer
 *   version wrote them
 */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  return openBlock(bytes).header;
}

/**
 * Header and events.
 * @param into used again for the events where it has room for them, so that reading one block after the other makes
 *   nothing: the batch of the block before is then gone
 * @throws IoasisError ERR_BLOCK, ERR_NEWER; `into` is then empty
 */
export function decodeBlock(
  bytes: Uint8Array,
  into: EventBatch | null = null,
): { readonly header: BlockHeader; readonly batch: EventBatch } {
  into?.begin(into.epoch, into.firstVersion);
  const { format, header, body } = openBlock(bytes);
  const { epoch, firstVersion, count } = header;
  const batch = into !== null && into.capacity >= count ? into : new EventBatch(epoch, firstVersion, count);
  batch.begin(epoch, firstVersion);
  const budget = new Budget(BODY_BYTES_MAX);
  const reader = new ByteReader(body);
  const columns = new ColumnReader(reader, count, budget);
  readDictionaries(columns, batch, budget);
  readColumns(columns, batch, count, format);
  reader.end("block");
  batch.length = count;
  const problem = batchProblem(batch);
  if (problem === null) return { header, batch };
  batch.begin(epoch, firstVersion);
  throw damaged(problem, { version: firstVersion });
}

/** SHA-256 of the encoded block, 64 hex digits: its content address. */
export function blockHash(bytes: Uint8Array): string {
  return bytesToHex(sha256(bytes));
}
