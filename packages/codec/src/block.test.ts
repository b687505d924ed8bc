import { type Actor, applyBatch, ContextState, type EventBatch, IoasisError, recordedAt } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blockHash, decodeBlock, decodeHeader, encodeBlock } from "./block.ts";
import { type BlockHeader, writeHeader } from "./block-header.ts";
import { ByteWriter } from "./bytes.ts";
import { ColumnWriter } from "./column.ts";
import { writeDictionaries } from "./dictionaries.ts";
import { Budget } from "./section.ts";
import { Dice, randomBatch } from "./testing/random-batch.ts";
import { writeColumns } from "./write-columns.ts";

const test = suite("block");
const HASH = "0123456789abcdef".repeat(4);
const COLUMNS = [
  ...(["type", "errno", "traits", "ioas", "iova", "last", "value"] as const),
  ...(["fd", "extra", "actor", "clock", "ticks", "line"] as const),
];

function headerOf(batch: EventBatch): BlockHeader {
  const mark = { file: "a.log", offset: 17, nested: { n: 5n } };
  const { epoch, firstVersion, length } = batch;
  return { contextId: "c-1", epoch, firstVersion, count: length, previous: "", digest: HASH, mark };
}

function sameBatch(a: EventBatch, b: EventBatch): void {
  assert.equal([a.epoch, a.firstVersion, a.length], [b.epoch, b.firstVersion, b.length]);
  for (const name of COLUMNS)
    for (let row = 0; row < a.length; row++) assert.is(b[name][row], a[name][row], `${name} of row ${row}`);
  assert.equal([a.actors, a.clocks, a.runs, a.colds], [b.actors, b.clocks, b.runs, b.colds]);
}

/** What is read is also folded: nothing that decodes may trouble those behind it. */
function outcome(bytes: Uint8Array): string {
  try {
    applyBatch(new ContextState(), decodeBlock(bytes).batch);
    return "read";
  } catch (error) {
    if (!(error instanceof IoasisError)) throw error;
    return error.code;
  }
}

test("every column and dictionary of every event type comes back", () => {
  const dice = new Dice(1);
  for (const rows of [1, 2, 31, 40, 500, 4096]) {
    const batch = randomBatch(dice, 1 + dice.below(1_000_000), rows, rows + dice.below(10));
    const header = headerOf(batch);
    const bytes = encodeBlock(header, batch);
    const back = decodeBlock(bytes);
    assert.equal(back.header, header);
    assert.equal(decodeHeader(bytes), header);
    sameBatch(back.batch, batch);
    for (let row = 0; row < rows; row++) assert.equal(recordedAt(back.batch, row), recordedAt(batch, row));
  }
});

test("a batch is read into again and again, and holds nothing of the block before", () => {
  const dice = new Dice(9);
  const first = randomBatch(dice, 1, 500);
  let into = decodeBlock(encodeBlock(headerOf(first), first)).batch;
  const columns = into.iova;
  for (const rows of [500, 1, 40, 499]) {
    const batch = randomBatch(dice, 1 + dice.below(1000), rows);
    const bytes = encodeBlock(headerOf(batch), batch);
    into = decodeBlock(bytes, into).batch;
    assert.is(into.iova, columns);
    sameBatch(into, batch);
    assert.is(blockHash(encodeBlock(headerOf(batch), into)), blockHash(bytes));
    assert.throws(() => decodeBlock(bytes.subarray(0, bytes.length - 1), into), /damaged/);
    assert.is(into.length, 0);
  }
  const large = randomBatch(dice, 1, 501);
  const other = decodeBlock(encodeBlock(headerOf(large), large), into).batch;
  assert.is.not(other, into);
  sameBatch(other, large);
});

test("the same batch gives the same bytes, and a decoded one too", () => {
  const batch = randomBatch(new Dice(2), 5, 300);
  const bytes = encodeBlock(headerOf(batch), batch);
  assert.is(blockHash(encodeBlock(headerOf(batch), batch)), blockHash(bytes));
  assert.is(blockHash(encodeBlock(headerOf(batch), decodeBlock(bytes).batch)), blockHash(bytes));
});

test("every flipped bit changes the hash, and reading it ends in a batch or in ERR_BLOCK", () => {
  const batch = randomBatch(new Dice(3), 1, 34);
  const bytes = encodeBlock(headerOf(batch), batch);
  const hash = blockHash(bytes);
  const outcomes = new Map<string, number>();
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    if (bit % 16 === 0) assert.is.not(blockHash(flipped), hash);
    const result = outcome(flipped);
    outcomes.set(result, (outcomes.get(result) ?? 0) + 1);
  }
  assert.ok((outcomes.get("ERR_BLOCK") ?? 0) > bytes.length, [...outcomes].join(" "));
  assert.is([...outcomes.keys()].filter((name) => !["read", "ERR_BLOCK", "ERR_NEWER"].includes(name)).length, 0);
});

test("cut short or with bytes behind it, it is damaged", () => {
  const batch = randomBatch(new Dice(4), 1, 100);
  const bytes = encodeBlock(headerOf(batch), batch);
  for (let length = 0; length < bytes.length; length++) assert.is(outcome(bytes.subarray(0, length)), "ERR_BLOCK");
  assert.is(outcome(Uint8Array.of(...bytes, 0)), "ERR_BLOCK");
  assert.is(outcome(new TextEncoder().encode("not a block at all, but some text")), "ERR_BLOCK");
});

test("bytes at random never end in anything but IoasisError", () => {
  const dice = new Dice(5);
  const batch = randomBatch(dice, 1, 60);
  const bytes = encodeBlock(headerOf(batch), batch);
  for (let round = 0; round < 2000; round++) {
    const broken = bytes.slice();
    for (let i = 0; i < 1 + dice.below(8); i++) broken[dice.below(bytes.length)] = dice.below(256);
    outcome(broken);
  }
});

test("a block of a newer format says so", () => {
  const batch = randomBatch(new Dice(6), 1, 3);
  const bytes = encodeBlock(headerOf(batch), batch);
  bytes[4] = 4;
  assert.is(outcome(bytes), "ERR_NEWER");
  assert.throws(() => decodeHeader(bytes), /newer version/);
});

test("a block that another program wrote with rows out of their limits is refused", () => {
  const spoils: readonly ((batch: EventBatch) => void)[] = [
    (batch) => (batch.ioas[0] = 0x40000),
    (batch) => (batch.ioas[1] = -1),
    (batch) => (batch.ioas[2] = -2),
    (batch) => (batch.actor[3] = 9999),
    (batch) => (batch.errno[30] = 255),
    (batch) => (batch.traits[0] = 0x3c),
    (batch) => (batch.traits[2] = 0x3c),
    (batch) => (batch.extra[1] = 0),
    (batch) => (batch.extra[0] = 500),
    (batch) => (batch.extra[9] = -1),
    (batch) => {
      batch.iova[0] = 2n;
      batch.last[0] = 1n;
    },
    (batch) => {
      batch.iova[1] = 1n << 40n;
      batch.last[1] = 1n << 39n;
    },
    (batch) => (batch.type[7] = 200),
    (batch) => (batch.type[20] = 21),
    (batch) => (batch.colds[3] = { type: "BookmarkSet", name: "of another type" }),
    (batch) => (batch.actors[0] = { ...(batch.actors[0] as Actor), pid: 0.5 }),
    (batch) => (batch.clocks[0] = { clock: "trace", decimals: 19 }),
  ];
  const header = headerOf(randomBatch(new Dice(8), 1, 40));
  for (const [index, spoil] of spoils.entries()) {
    const batch = randomBatch(new Dice(8), 1, 40);
    assert.is(outcome(uncheckedBlock(header, batch)), "read");
    spoil(batch);
    assert.is(outcome(uncheckedBlock(header, batch)), "ERR_BLOCK", `spoil ${index}`);
  }
});

/** As `encodeBlock`, but whatever the rows are. */
function uncheckedBlock(header: BlockHeader, batch: EventBatch): Uint8Array {
  const budget = new Budget(1 << 24);
  const columns = new ColumnWriter(batch.length, budget);
  writeDictionaries(columns, batch, budget);
  writeColumns(columns, batch);
  const out = new ByteWriter();
  writeHeader(out, header, columns.out.length);
  out.raw(columns.out.take());
  return out.take();
}

test("what no reader would take is not written", () => {
  const refused = (spoil: (batch: EventBatch) => void, pattern: RegExp) => {
    const batch = randomBatch(new Dice(8), 1, 40);
    spoil(batch);
    assert.throws(() => encodeBlock(headerOf(batch), batch), pattern);
  };
  refused((batch) => (batch.ioas[0] = 0x40000), /row 0: ioas 262144/);
  refused((batch) => (batch.actor[3] = 9999), /row 3: actor/);
  refused((batch) => (batch.last[0] = 0n), /ends before it begins|row/);
  refused((batch) => (batch.type[7] = 200), /row 7: event type 200/);
  refused((batch) => (batch.extra[9] = -1), /row 9: record -1/);
});

test.run();
