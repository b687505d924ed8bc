import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PackedPage, packPage, pageChecksum } from "./packed-page.ts";

const test = suite("Packed page");

const U64 = 0xffff_ffff_ffff_ffffn;
const wide = (values: readonly bigint[]) => ({
  words: new Uint32Array(new BigUint64Array(values).buffer),
  isWide: true,
});
const orderOf = (values: readonly unknown[]) => Uint32Array.from(values, (_, row) => row);

function roundTrip(values: readonly bigint[]): bigint[] {
  const bytes = packPage([wide(values)], orderOf(values), 0, values.length, new Uint8Array(0));
  const page = new PackedPage(bytes, 1);
  return values.map((_, row) => page.bigint(0, row));
}

test("64-bit values come back exactly", () => {
  for (const values of [
    [0n],
    [U64],
    [0n, U64],
    [U64 - 1n, U64],
    [0x1000n, 0x3000n, 0x1000n],
    [1n << 63n, 0n],
    [0x8000_0000n, 0x1_8000_0000n, 0x7fff_ffff_8000_0000n],
  ])
    assert.equal(roundTrip(values), values);
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: U64 }), { minLength: 1 }), fc.nat(63), (raw, shift) => {
      const values = raw.map((value) => (value << BigInt(shift)) & U64);
      assert.equal(roundTrip(values), values);
    }),
  );
});

test("values below 2^53 are read as numbers, in the order that was asked for", () => {
  const small = { words: new Uint32Array([7, 0xffff_ffff, 0]), isWide: false };
  const values = [5n, 2n ** 53n - 1n, 2n ** 40n];
  const page = new PackedPage(
    packPage([small, wide(values)], new Uint32Array([9, 2, 0, 1]), 1, 4, new Uint8Array([1, 2])),
    2,
  );
  assert.is(page.rows, 3);
  assert.equal(
    [0, 1, 2].map((row) => [page.number(0, row), page.number(1, row)]),
    [
      [0, 2 ** 40],
      [7, 5],
      [0xffff_ffff, 2 ** 53 - 1],
    ],
  );
  assert.equal([...page.tail], [1, 2]);
});

test("a column of one value takes no cells, one of pages a byte or two", () => {
  const same = packPage([wide([9n, 9n, 9n])], new Uint32Array([0, 1, 2]), 0, 3, new Uint8Array(0));
  assert.is(same.length, 14);
  const pages = Array.from({ length: 256 }, (_, i) => 0xffff_0000_0000n + BigInt(i) * 0x1000n);
  assert.is(packPage([wide(pages)], orderOf(pages), 0, 256, new Uint8Array(0)).length, 14 + 256);
});

test("bytes that are too few are refused", () => {
  const bytes = packPage([wide([1n, 2n])], new Uint32Array([0, 1]), 0, 2, new Uint8Array(0));
  assert.throws(() => new PackedPage(bytes.subarray(0, 9), 1), /end early/);
  assert.throws(() => new PackedPage(bytes.subarray(0, bytes.length - 1), 1), /end early/);
});

test("the checksum is MurmurHash3's, and every flipped bit changes it", () => {
  const text = (value: string): number => pageChecksum(new TextEncoder().encode(value));
  assert.is(text(""), 0);
  assert.is(text("test"), 0xba6b_d213);
  assert.is(text("Hello, world!"), 0xc036_3e43);
  const bytes = Uint8Array.from({ length: 77 }, (_, i) => i);
  const sum = pageChecksum(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.is.not(pageChecksum(flipped), sum);
  }
});

test.run();
