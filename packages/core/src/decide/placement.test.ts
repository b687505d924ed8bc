import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Iova, iova, U64_MAX } from "../address.ts";
import { Space } from "../state.ts";
import { chooseIova } from "./placement.ts";
import { Model, PAGE } from "./testing/model.ts";

const test = suite("automatic IOVA");
const { environment } = new Model();
const UNIT = 0x400n;
const UNITS = 256;

/** The rule of iopt_alloc_iova over a plain list of what is free, unit by unit. */
function naive(space: Space, va: bigint, length: bigint, alignment: bigint): bigint | string {
  let pow2 = 1n;
  while (pow2 < length) pow2 *= 2n;
  let lowest = 1n;
  while (va !== 0n && va % (lowest * 2n) === 0n && lowest < pow2) lowest *= 2n;
  const align = va === 0n || lowest > pow2 ? pow2 : lowest;
  if (align < alignment) return "EINVAL";
  const fit = (first: bigint, last: bigint) => {
    const start = (((first + align - 1n) / align) * align) | (va % PAGE);
    return start < last && last - start >= length - 1n ? start : null;
  };
  const isUsed = (at: bigint) =>
    space.areas.at(at) !== null || space.reservations.some(({ first, last }) => first <= at && at <= last);
  const isAllowed = (at: bigint) =>
    at >= PAGE && (space.allowed.length === 0 || space.allowed.some(({ first, last }) => first <= at && at <= last));
  for (const [first, last] of runs(0n, isAllowed)) {
    const start = fit(first, last);
    if (start === null) continue;
    for (const [from, to] of runs(start, (at) => at <= last && !isUsed(at))) {
      const found = fit(from, to);
      if (found !== null) return found;
    }
  }
  return "ENOSPC";
}

/** Maximal ranges of units from `from` where `holds`; all bytes of a unit are alike. The last unit is the test's end. */
function runs(from: bigint, holds: (at: bigint) => boolean): [bigint, bigint][] {
  const result: [bigint, bigint][] = [];
  let open: bigint | null = null;
  for (let at = from; at < BigInt(UNITS) * UNIT; at += UNIT - (at % UNIT)) {
    if (holds(at)) open ??= at;
    else if (open !== null) {
      result.push([open, at - 1n]);
      open = null;
    }
  }
  if (open !== null) result.push([open, BigInt(UNITS) * UNIT - 1n]);
  return result;
}

test("agrees with a unit-by-unit model over random spaces", () => {
  let seed = 20261123;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  const units = (count: number) => BigInt(count) * UNIT;
  const answers = new Map<string, number>();
  for (let round = 0; round < 400; round++) {
    const space = new Space(0, 1, true);
    // What lies above the window is taken, so that the naive model is finite.
    space.reservations.push({ first: iova(units(UNITS)), last: iova(U64_MAX), owner: "user" });
    for (let i = random(4); i > 0; i--) {
      const first = random(UNITS - 8);
      space.reservations.push({
        first: iova(units(first)),
        last: iova(units(first + 1 + random(8)) - 1n),
        owner: "user",
      });
    }
    for (let i = random(40); i > 0; i--) {
      const first = random(UNITS - 12);
      const [from, to] = [units(first), units(first + 1 + random(12)) - 1n];
      if (!space.areas.overlaps(from, to)) space.areas.insert(from, to, 7, 0n, -1, null, 1);
    }
    const allowed: { first: Iova; last: Iova }[] = [];
    for (let at = random(30); round % 2 === 0 && at < UNITS - 40; at += random(60)) {
      const length = 1 + random(30);
      allowed.push({ first: iova(units(at)), last: iova(units(at + length) - 1n) });
      at += length;
    }
    space.allowed = allowed;
    for (let i = 0; i < 20; i++) {
      const va = random(4) === 0 ? 0n : units(random(64)) + (random(3) === 0 ? BigInt(random(1024)) : 0n);
      const length = random(3) === 0 ? BigInt(1 + random(5000)) : units(1 + random(24));
      const alignment = [1n, 1n, 0x400n, PAGE][random(4)] as bigint;
      const chosen = chooseIova(space, va, length, alignment, environment);
      const got = typeof chosen === "bigint" ? chosen : chosen.errno;
      const expected = naive(space, va, length, alignment);
      assert.is(got, expected, `round ${round}: va ${va.toString(16)} length ${length.toString(16)}`);
      const kind = typeof expected === "string" ? expected : "placed";
      answers.set(kind, (answers.get(kind) ?? 0) + 1);
    }
  }
  for (const kind of ["placed", "ENOSPC", "EINVAL"]) assert.ok((answers.get(kind) ?? 0) > 500, kind);
});

test("half the space and more, and nothing at all, overflow", () => {
  const space = new Space(0, 1, true);
  for (const length of [0n, U64_MAX / 2n, U64_MAX - PAGE]) {
    assert.equal((chooseIova(space, 0n, length, 1n, environment) as { errno: string }).errno, "EOVERFLOW");
  }
});

test("never below the first page nor in the last one; huge pages cap the alignment", () => {
  const space = new Space(0, 1, true);
  assert.is(chooseIova(space, 0n, 1n, 1n, environment), PAGE);
  assert.is(chooseIova(space, 0n, 0x4000_0000n, 1n, environment), 0x20_0000n);
  space.reservations.push({ first: iova(0n), last: iova(U64_MAX - 2n * PAGE), owner: "user" });
  assert.is(chooseIova(space, PAGE, PAGE, 1n, environment), U64_MAX - 2n * PAGE + 1n);
  assert.equal((chooseIova(space, 0n, PAGE + 1n, 1n, environment) as { errno: string }).errno, "ENOSPC");
});

test("a hole whose first fitting byte is its last one is passed over", () => {
  const space = new Space(0, 1, true);
  space.areas.insert(0x1001n, 0x5000n, 7, 0n, -1, null, 1);
  assert.is(chooseIova(space, 1n, 1n, 1n, environment), 0x5001n);
});

test.run();
