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

/** What each format's files were made of and hash to; only the newest is still written. */
const FORMATS = [
  {
    format: 1,
    types: 32,
    digest: "6611faf007bab94879ce28993c1035f03970dfa0bf7255285e10dc66c793c632",
    space: "bdfa0cf7793f75b1ceb26349f2e45bc15408538347b0299321e9dd00f301a200",
    block: "29564f90450c6bea5e7275f306967525d3deca0daad828b55c6eabb914de58e8",
    snapshot: "0a52d6947460e09fd89049854204414339fe6c45d3cf4f6546fce1b8214c22cb",
  },
  {
    format: 2,
    types: EVENT_TYPES.length,
    digest: "e6cb012b38c5dd6445e3273f3422d471f120c9ad06d08eb8a457a6323ee45886",
    space: "63cb08ea564efd5593a1b442c3390be6ac46babd0415b12c2049664966841c45",
    block: "76b33430fe3285bfbd84ca911a498e3207da1c7fbe2a930fa13a9d7301553a31",
    snapshot: "f9102fb15728219dfc9cbad94b3169b515777b9ce718e1ba851ba8efac6748bc",
  },
  {
    format: 3,
    types: EVENT_TYPES.length,
    digest: "bda02fcada3ac20cd3cc627af5634d41fef915fbbfb8c6b9e3d65d87279c324d",
    space: "01c5a01ed59ddfbbdaa3905ff555a0fe485a02f107ae6c2932fd9761d5922818",
    block: "e4b5e9a4c3f6e0c56487a7e88d28b7d0662a84782e8f9cef2fd42b14eb6f160f",
    snapshot: "5eb18641302b8e809d290f2350c8cd4967e1bd313e06d1cef3eee6e08394dd19",
  },
] as const;
const NEWEST = 3;

/** Values as JSON shows them: addresses and other bigints as "0x..." or "-0x...". */
const readable = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, field) =>
      typeof field === "bigint" ? (field < 0n ? `-0x${(-field).toString(16)}` : `0x${field.toString(16)}`) : field,
    ),
  );

const goldenState = (format: number) => {
  const { batch } = decodeBlock(golden(`every-event-${format}.block`));
  const state = new ContextState();
  applyBatch(state, batch);
  return state;
};

for (const expected of FORMATS) {
  const { format } = expected;
  const bytes = golden(`every-event-${format}.block`);
  const saved = golden(`every-event-${format}.snapshot`);

  test(`a block of format ${format} with every event type is read as it was meant`, () => {
    const { header, batch } = decodeBlock(bytes);
    const events = Array.from({ length: batch.length }, (_, row) => recordedAt(batch, row));
    assert.equal(
      readable({ header, events }),
      JSON.parse(new TextDecoder().decode(golden(`every-event-${format}.json`))),
    );
    const types = new Set(events.map(({ event }) => event.type));
    assert.equal([...types].sort(), EVENT_TYPES.slice(0, expected.types).sort());
    assert.is(blockHash(bytes), expected.block);
  });

  test(`the digest of format ${format} is what it was`, () => {
    const { header, batch } = decodeBlock(bytes);
    const digest = new Digest();
    digest.feed(batch);
    assert.is(digest.value(), expected.digest);
    assert.is(header.digest, expected.digest);
  });

  test(`a snapshot of format ${format} is read as it was meant`, () => {
    const snapshot = decodeSnapshot(saved);
    assert.equal(plainState(snapshot.state), plainState(goldenState(format)));
    assert.is(blockHash(saved), expected.snapshot);
    assert.is(new Digest(snapshot.digest).value(), expected.digest);
  });

  test(`the space digest of format ${format} is what it was`, () => {
    assert.is(spaceDigest(goldenState(format)), expected.space);
  });
}

test("the newest format is written as it was", () => {
  const bytes = golden(`every-event-${NEWEST}.block`);
  const { header, batch } = decodeBlock(bytes);
  assert.is(blockHash(encodeBlock(header, batch)), blockHash(bytes));
  const saved = golden(`every-event-${NEWEST}.snapshot`);
  assert.is(blockHash(encodeSnapshot(decodeSnapshot(saved))), blockHash(saved));
});

test.run();
