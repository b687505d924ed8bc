import { createHash } from "node:crypto";
import { inflateRawSync } from "node:zlib";
import { inflateSync } from "fflate";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deflate } from "./deflate.ts";
import { codeLengths } from "./huffman.ts";
import { Dice } from "./testing/random-batch.ts";

const test = suite("deflate");

/** Bytes with the look of columns: few values, runs, repeats from afar, noise. */
function bytes(dice: Dice, length: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const run = Math.min(length - at, 1 + dice.below(dice.one([1, 10, 300, 3000])));
    const from = Math.max(0, at - 1 - dice.below(dice.one([1, 5, 40_000])));
    const spread = 1 + dice.below(dice.one([2, 16, 256]));
    const isRepeat = dice.below(3) === 0 && at > 0;
    for (let i = 0; i < run; i++) out[at + i] = isRepeat ? (out[from + i] as number) : dice.below(spread);
    at += run;
  }
  return out;
}

function samples(): Uint8Array[] {
  const dice = new Dice(31);
  const lengths = [0, 1, 2, 3, 4, 7, 8, 9, 24, 255, 256, 257, 258, 259, 1000, 32_767, 32_768, 65_535, 65_536, 200_000];
  return lengths.flatMap((length) => [bytes(dice, length), new Uint8Array(length).fill(7)]);
}

test("what it writes comes back from two independent readers", () => {
  for (const raw of samples()) {
    const small = deflate(raw);
    assert.is(Buffer.compare(inflateRawSync(small), raw), 0, `${raw.length} bytes`);
    assert.is(Buffer.compare(inflateSync(small, { out: new Uint8Array(raw.length) }), raw), 0, `${raw.length} bytes`);
  }
});

test("the bytes do not depend on what was deflated before, and are these", () => {
  const all = samples();
  const hash = createHash("sha256");
  const first = all.map(deflate);
  for (const small of first) hash.update(small);
  for (const [i, raw] of all.entries()) assert.is(Buffer.compare(deflate(raw), first[i] as Uint8Array), 0);
  assert.is(hash.digest("hex"), "bde18dd2e69e9027aee33b593c496cec30b462af0ecfe3a0d57b0d03edcc1b1a");
});

test("codes are complete and within their limit, however skewed the counts", () => {
  const dice = new Dice(32);
  for (let round = 0; round < 300; round++) {
    const symbols = dice.one([2, 19, 30, 286]);
    const bitsMax = symbols === 19 ? 7 : 15;
    let weight = 1;
    const counts = Uint32Array.from({ length: symbols }, () => {
      weight = round % 3 === 0 ? Math.min(4_000_000, Math.ceil(weight * 1.7)) : 1 + dice.below(1 << dice.below(20));
      return dice.below(4) === 0 ? 0 : weight;
    });
    const lengths = new Uint8Array(symbols);
    codeLengths(counts, bitsMax, lengths);
    const used = counts.filter((count) => count > 0).length;
    let room = 2 ** bitsMax;
    for (const [symbol, length] of lengths.entries()) {
      assert.is(length > 0, (counts[symbol] as number) > 0);
      assert.ok(length <= bitsMax);
      if (length > 0) room -= 2 ** (bitsMax - length);
    }
    assert.is(room, used === 0 ? 2 ** bitsMax : used === 1 ? 2 ** (bitsMax - 1) : 0, `${used} symbols`);
  }
});

test.run();
