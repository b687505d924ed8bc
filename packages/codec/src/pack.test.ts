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
