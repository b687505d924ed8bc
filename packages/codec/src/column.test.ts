import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ByteReader } from "./bytes.ts";
import { ColumnReader, ColumnWriter } from "./column.ts";
import { Budget } from "./section.ts";
import { Dice } from "./testing/random-batch.ts";

const test = suite("column");
const MIB = 1024 * 1024;

function encode(values: readonly bigint[]): Uint8Array {
  const writer = new ColumnWriter(values.length, new Budget(MIB));
  for (const [row, value] of values.entries()) {
    writer.lo[row] = Number(BigInt.asUintN(32, value));
    writer.hi[row] = Number(BigInt.asUintN(32, value >> 32n));
  }
  writer.write(values.length);
  return writer.out.take();
}

function decode(bytes: Uint8Array, rows: number, budget = MIB): bigint[] {
  const reader = new ByteReader(bytes);
  const column = new ColumnReader(reader, rows, new Budget(budget));
  column.read(rows, "column");
  reader.end("column");
  return Array.from({ length: rows }, (_, row) =>
    BigInt.asIntN(64, (BigInt(column.hi[row] as number) << 32n) | BigInt(column.lo[row] as number)),
  );
}

const roundTrip = (values: readonly bigint[]) => assert.equal(decode(encode(values), values.length), values);

test("every 64-bit number comes back, at every size and sign", () => {
  const edges: bigint[] = [0n];
  for (let bit = 0n; bit < 63n; bit++) edges.push(1n << bit, -(1n << bit), (1n << bit) - 1n, -(1n << bit) - 1n);
  edges.push(-(1n << 63n), (1n << 63n) - 1n);
  roundTrip(edges);
  for (const edge of edges) roundTrip([edge]);
  // Common trailing zeros, also beyond the low half.
  for (let shift = 0n; shift < 63n; shift++) roundTrip([1n << shift, -(1n << shift), 0n]);
  roundTrip([-(1n << 63n), 0n]);
});

test("all forms come back: same, plain, runs", () => {
  const dice = new Dice(7);
  assert.equal([...encode(Array(5000).fill(4096n))], [0, 0x80, 0x40]);
  assert.is(encode(Array.from({ length: 100 }, (_, i) => BigInt(i)))[0], 1);
  const runs = Array.from({ length: 3000 }, (_, i) => (i < 1000 ? -1n : i < 2999 ? 1n << 40n : 5n));
  assert.is(encode(runs)[0], 2);
  roundTrip(runs);
  for (let i = 0; i < 50; i++)
    roundTrip(Array.from({ length: 1 + dice.below(300) }, () => BigInt(dice.below(1 << dice.below(30))) - 100n));
});

test("what a column declares is checked before anything is made for it", () => {
  const refused = (bytes: Uint8Array, rows: number, budget?: number) => {
    try {
      decode(bytes, rows, budget);
      assert.unreachable();
    } catch (error) {
      assert.is(error instanceof IoasisError && error.code, "ERR_BLOCK");
    }
  };
  const bytes = encode([1n, 200n, 3n]);
  refused(bytes, 2);
  refused(bytes, 4);
  refused(bytes, 3, 2);
  refused(Uint8Array.of(7, 0, 0, 0), 3);
  refused(Uint8Array.of(1, 64, 3, 0, 1, 2, 3), 3);
  refused(Uint8Array.of(1, 0, 0xff, 0xff, 0xff, 0xff, 0x7f, 0), 3);
  refused(Uint8Array.of(0, ...Array(10).fill(0xff)), 3);
  // Two runs of which the second is empty, or too long.
  refused(Uint8Array.of(2, 0, 4, 0, 2, 1, 4, 0), 1);
  refused(Uint8Array.of(2, 0, 4, 0, 2, 1, 4, 9), 3);
});

test.run();
