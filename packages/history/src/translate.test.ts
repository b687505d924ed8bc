import type { Iova, Range, Source } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { historyOfSteps, mapped, unmapped } from "./testing/small-history.ts";
import { translateDirty } from "./translate.ts";

const gpa = (address: bigint): Source => ({ kind: "gpa", gpa: address });
const range = (first: bigint, last: bigint): Range => ({ first: first as Iova, last: last as Iova });
const PAGE = 0x1000n;

const test = suite("translate");

const guest = () =>
  historyOfSteps(
    { event: { type: "IoasAllocated", ioas: 0, kernelId: 1 } },
    { event: mapped(0x10000, 0x12fff, "rw", gpa(0x7000_0000n)) },
    { event: mapped(0x13000, 0x13fff, "w", gpa(0x7000_3000n)) },
    { event: mapped(0x15000, 0x15fff, "r", gpa(0x100_0000n)) },
    { event: mapped(0x16000, 0x16fff, "rw", { kind: "va", va: 0x7f00_0000n }) },
    { event: unmapped(0x10000, 0x12fff) },
    { event: mapped(0x10000, 0x10fff, "rw", gpa(0x9000_0000n)) },
  );

test("each dirty page by the mapping of its version; neighbours merge; what is not mapped or not told is said", async () => {
  const journal = await guest();
  // Pages 0x10, 0x12, 0x13, 0x14, 0x16.
  const bits = { bytes: Uint8Array.of(0b0101_1101), range: range(0x10000n, 0x17fffn), pageSize: PAGE };
  const before = translateDirty(journal, "c", bits, 5);
  assert.is(before.dirtyPages, 5);
  assert.equal(before.ranges, [
    ["0x70000000", "0x70000fff"],
    ["0x70002000", "0x70003fff"],
  ]);
  assert.equal(before.unmapped, [["0x14000", "0x14fff"]]);
  assert.equal(before.untold, [["0x16000", "0x16fff"]]);
  const after = translateDirty(journal, "c", bits, 7);
  assert.equal(after.ranges, [
    ["0x70003000", "0x70003fff"],
    ["0x90000000", "0x90000fff"],
  ]);
  assert.equal(after.unmapped, [
    ["0x12000", "0x12fff"],
    ["0x14000", "0x14fff"],
  ]);
});

test("a dirty page that no device may write is told", async () => {
  const bits = { bytes: Uint8Array.of(0b10_0000), range: range(0x10000n, 0x17fffn), pageSize: PAGE };
  const { ranges, notes } = translateDirty(await guest(), "c", bits, 7);
  assert.equal(ranges, [["0x1000000", "0x1000fff"]]);
  assert.match(notes.join(" "), /1 dirty ranges lie in mappings that a device may not write/);
});

test("pages larger than mappings are cut at their ends; the last page of the space is one too", async () => {
  const journal = await historyOfSteps(
    { event: { type: "IoasAllocated", ioas: 0, kernelId: 1 } },
    {
      event: {
        type: "IovaMapped",
        ioas: 0,
        iova: 0xffff_ffff_ffff_0000n as Iova,
        last: 0xffff_ffff_ffff_ffffn as Iova,
        prot: "rw",
        source: gpa(0x5000_0000n),
      },
    },
  );
  const bits = {
    bytes: Uint8Array.of(0b11, 0, 0, 0, 0, 0, 0, 0),
    range: range(0xffff_ffff_fffc_0000n, 0xffff_ffff_ffff_ffffn),
    pageSize: 0x20000n,
  };
  const found = translateDirty(journal, "c", bits, 2);
  assert.equal(found.ranges, [["0x50000000", "0x5000ffff"]]);
  assert.equal(found.unmapped, [["0xfffffffffffc0000", "0xfffffffffffeffff"]]);
});

test("bits that do not fit their range are refused, and spaces that could both be meant", async () => {
  const journal = await guest();
  const BAD: readonly (readonly [Uint8Array, Range, bigint, RegExp])[] = [
    [Uint8Array.of(1), range(0x10000n, 0x17fffn), 0x1800n, /power of two/],
    [Uint8Array.of(1), range(0x10000n, 0x17fffn), 0n, /power of two/],
    [Uint8Array.of(1), range(0x10800n, 0x17fffn), PAGE, /begin and end at pages/],
    [Uint8Array.of(1), range(0x10000n, 0x17ffen), PAGE, /begin and end at pages/],
    [Uint8Array.of(), range(0x10000n, 0x17fffn), PAGE, /has 0 bytes, 8 pages need 1 \(8 in whole words\)/],
    [new Uint8Array(9), range(0x10000n, 0x17fffn), PAGE, /has 9 bytes/],
    [Uint8Array.of(0x80), range(0x10000n, 0x16fffn), PAGE, /bit 7 is set, behind the last page/],
    [Uint8Array.of(1), range(0n, 0xffff_ffff_ffff_ffffn), PAGE, /has 1 bytes/],
  ];
  for (const [bytes, asked, pageSize, message] of BAD)
    assert.throws(() => translateDirty(journal, "c", { bytes, range: asked, pageSize }, 7), message);
  const two = await historyOfSteps(
    { event: { type: "IoasAllocated", ioas: 0, kernelId: 1 } },
    { event: { type: "IoasAllocated", ioas: 1, kernelId: 2 } },
    { event: mapped(0x1000, 0x1fff, "rw", gpa(0x2000n), 1) },
  );
  const bits = { bytes: Uint8Array.of(1), range: range(0x1000n, 0x1fffn), pageSize: PAGE };
  assert.throws(() => translateDirty(two, "c", bits, 3), /has 2 spaces .* \(ioas0, ioas1\)/);
  assert.throws(() => translateDirty(two, "c", bits, 0), /no space/);
  assert.equal(translateDirty(two, "c", bits, 3, { ioas: "ioas1" }).ranges, [["0x2000", "0x2fff"]]);
});

test.run();
