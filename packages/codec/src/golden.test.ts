/**
 * Bytes that earlier versions wrote. They must be read for ever; and as long as the format does
 * not change, the same events must give the same bytes. A failure here means: raise the format
 * number, keep the reader of the old one, and add a golden file beside these.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { applyBatch, ContextState, EVENT_TYPES, recordedAt } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blockHash, decodeBlock, encodeBlock } from "./block.ts";
import { Digest } from "./digest.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";
import { spaceDigest } from "./space-digest.ts";
import { plainState } from "./testing/plain-state.ts";

const test = suite("golden");
const FOLDER = path.join(process.env["IOASIS_ROOT"] ?? process.cwd(), "tests/recordings/codec");
const golden = (name: string) => new Uint8Array(readFileSync(path.join(FOLDER, name)));
const DIGEST = "6611faf007bab94879ce28993c1035f03970dfa0bf7255285e10dc66c793c632";
const SPACE_DIGEST = "bdfa0cf7793f75b1ceb26349f2e45bc15408538347b0299321e9dd00f301a200";
const BLOCK_HASH = "29564f90450c6bea5e7275f306967525d3deca0daad828b55c6eabb914de58e8";
const SNAPSHOT_HASH = "0a52d6947460e09fd89049854204414339fe6c45d3cf4f6546fce1b8214c22cb";

/** Values as JSON shows them: addresses and other bigints as "0x..." or "-0x...". */
const readable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, field) =>
      typeof field === "bigint" ? (field < 0n ? `-0x${(-field).toString(16)}` : `0x${field.toString(16)}`) : field,
    ),
  );

const goldenState = () => {
  const { batch } = decodeBlock(golden("every-event-1.block"));
  const state = new ContextState();
  applyBatch(state, batch);
  return state;
};

test("a block of every event type is read as it was meant", () => {
  const { header, batch } = decodeBlock(golden("every-event-1.block"));
  const events = Array.from({ length: batch.length }, (_, row) => recordedAt(batch, row));
  const expected = JSON.parse(new TextDecoder().decode(golden("every-event-1.json")));
  assert.equal(readable({ header, events }), expected);
  const types = new Set(events.map(({ event }) => event.type));
  assert.equal([...types].sort(), EVENT_TYPES.slice(0, 32).sort());
});

test("and written as it was", () => {
  const bytes = golden("every-event-1.block");
  const { header, batch } = decodeBlock(bytes);
  assert.is(blockHash(encodeBlock(header, batch)), BLOCK_HASH);
  assert.is(blockHash(bytes), BLOCK_HASH);
});

test("its digest is what it was", () => {
  const { header, batch } = decodeBlock(golden("every-event-1.block"));
  const digest = new Digest();
  digest.feed(batch);
  assert.is(digest.value(), DIGEST);
  assert.is(header.digest, DIGEST);
});

test("a snapshot after it is read and written as it was", () => {
  const bytes = golden("every-event-1.snapshot");
  const snapshot = decodeSnapshot(bytes);
  assert.equal(plainState(snapshot.state), plainState(goldenState()));
  assert.is(blockHash(encodeSnapshot(snapshot)), SNAPSHOT_HASH);
  assert.is(blockHash(bytes), SNAPSHOT_HASH);
  assert.is(new Digest(snapshot.digest).value(), DIGEST);
});

test("the space digest is what it was", () => {
  assert.is(spaceDigest(goldenState()), SPACE_DIGEST);
});

test.run();
