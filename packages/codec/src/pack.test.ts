import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pack, unpack } from "./pack.ts";

const test = suite("pack");
const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("bigints stay bigints and numbers stay numbers, whatever their size", () => {
  const edges = [0n, 1n, 127n, 128n, 2n ** 32n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 64n];
  for (const value of [...edges, -1n, -129n, -(2n ** 63n)]) assert.is(unpack(pack(value)), value);
  for (const value of [0, 1, -1, 255, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER, -(2 ** 40), 0.5, Number.NaN])
    assert.ok(Object.is(unpack(pack(value)), value), String(value));
});

test("records, lists, bytes and text come back; undefined is dropped", () => {
  const value = { text: "ä→😀", bytes: Uint8Array.of(0, 255), nested: { list: [null, true, [1n, 2]] }, no: undefined };
  const back = unpack(pack(value)) as typeof value;
  assert.equal(back, { text: "ä→😀", bytes: Uint8Array.of(0, 255), nested: { list: [null, true, [1n, 2]] } });
  assert.is(back.bytes.constructor, Uint8Array);
  assert.is(Object.getPrototypeOf(back), Object.prototype);
});

test("equal values have equal bytes, in whatever order their keys were set", () => {
  assert.is(hexOf(pack({ a: 1, b: { d: 2n, c: 3 } })), hexOf(pack({ b: { c: 3, d: 2n }, a: 1 })));
  assert.is(hexOf(pack({ b: 1n, a: "x" })), "82a161a178a162d30000000000000001");
  assert.is(hexOf(pack(Buffer.from([1]))), hexOf(pack(Uint8Array.of(1))));
});

test("every form, byte by byte", () => {
  const of = (value: unknown, hex: string) => assert.is(hexOf(pack(value)), hex, hex);
  of(null, "c0");
  of(undefined, "c0");
  of([true, false], "92c3c2");
  for (const [value, hex] of [
    [0, "00"],
    [0x7f, "7f"],
    [0x80, "cc80"],
    [0xff, "ccff"],
    [0x100, "cd0100"],
    [0xffff, "cdffff"],
    [0x1_0000, "ce00010000"],
    [0xffff_ffff, "ceffffffff"],
    [0x1_0000_0000, "cb41f0000000000000"],
    [-1, "ff"],
    [-0x20, "e0"],
    [-0x21, "d0df"],
    [-0x80, "d080"],
    [-0x81, "d1ff7f"],
    [-0x8000, "d18000"],
    [-0x8001, "d2ffff7fff"],
    [-0x8000_0000, "d280000000"],
    [-0x8000_0001, "cbc1e0000000200000"],
    [0.5, "cb3fe0000000000000"],
    [-1n, "d3ffffffffffffffff"],
    [2n ** 63n, "cf8000000000000000"],
    [2n ** 64n, "d84200000000000000010000000000000000"],
  ] as const)
    of(value, hex);
  const many = (count: number) => Array.from({ length: count }, () => null);
  of("a".repeat(31), `bf${"61".repeat(31)}`);
  of("a".repeat(32), `d920${"61".repeat(32)}`);
  of("ä", "a2c3a4");
  of("ä".repeat(16), `d920${"c3a4".repeat(16)}`);
  of("a".repeat(0x100), `da0100${"61".repeat(0x100)}`);
  of("a".repeat(0x1_0000), `db00010000${"61".repeat(0x1_0000)}`);
  of(new Uint8Array(0), "c400");
  of(new Uint8Array(0x100), `c50100${"00".repeat(0x100)}`);
  of(new Uint8Array(0x1_0000), `c600010000${"00".repeat(0x1_0000)}`);
  of(many(15), `9f${"c0".repeat(15)}`);
  of(many(16), `dc0010${"c0".repeat(16)}`);
  of(many(0x1_0000), `dd00010000${"c0".repeat(0x1_0000)}`);
  of({}, "80");
  of({ b: 1, no: undefined, a: 2 }, "82a16102a16201");
  const wide = Object.fromEntries(many(16).map((_, i) => [String.fromCharCode(112 - i), i]));
  of(
    wide,
    `de0010${many(16)
      .map((_, i) => `a1${(97 + i).toString(16)}0${(15 - i).toString(16)}`)
      .join("")}`,
  );
});

test("half a surrogate pair becomes U+FFFD, so that the text is the same after any number of round trips", () => {
  for (const filler of ["", "x".repeat(100)]) assert.is(unpack(pack(`a\ud800b${filler}`)), `a\ufffdb${filler}`);
});

test("damage of every kind is one kind of error", () => {
  const whole = pack({ list: [1, 2n, "three", Uint8Array.of(4)], deep: { a: { b: [] } }, huge: 2n ** 64n });
  const damages: Uint8Array[] = [Uint8Array.of(), Uint8Array.of(0xc1), Uint8Array.of(...whole, 0)];
  for (let length = 0; length < whole.length; length++) damages.push(whole.slice(0, length));
  // 4 billion elements declared; a regular expression (extension 0x78); nested a million deep.
  damages.push(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff), Uint8Array.of(0xc7, 1, 0x78, 0x91));
  damages.push(new Uint8Array(1_000_000).fill(0x91));
  for (const bytes of damages) {
    try {
      unpack(bytes);
      assert.unreachable(hexOf(bytes.subarray(0, 40)));
    } catch (error) {
      assert.instance(error, IoasisError);
      assert.is((error as IoasisError).code, "ERR_BLOCK");
    }
  }
});

test("no bit flip makes anything but a value or ERR_BLOCK", () => {
  const whole = pack({ list: [1, 2n, "three", Uint8Array.of(4)], deep: { a: { b: [] } }, huge: 2n ** 64n });
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const bytes = whole.slice();
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
    try {
      unpack(bytes);
    } catch (error) {
      assert.is(error instanceof IoasisError && error.code, "ERR_BLOCK");
    }
  }
});

test.run();
