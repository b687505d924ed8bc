import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fields } from "./fields.ts";
import { handleNumber } from "./recorded.ts";

const test = suite("fields of a recording");

const of = (value: unknown) => new Fields({ value }, () => "map (step 3)", 4);

for (const [text, number] of [
  ["0x0", 0n],
  ["0x1000", 0x1000n],
  ["0XaBcD", 0xabcdn],
  ["0xffffffff", 0xffff_ffffn],
  ["0x100000000", 0x1_0000_0000n],
  ["0x00000000fee00000", 0xfee0_0000n],
  ["0xffffffffffffffff", 0xffff_ffff_ffff_ffffn],
  ["0x8000000000000001", 0x8000_0000_0000_0001n],
] as const)
  test(`${text} is an address`, () => assert.is(of(text).u64("value"), number));

for (const value of [
  "",
  "0x",
  "1000",
  "0x1g",
  "0x 1",
  " 0x1",
  "-0x1",
  "0x1.0",
  "0x10000000000000000",
  4096,
  null,
  undefined,
])
  test(`${JSON.stringify(value)} is no address`, () =>
    assert.throws(() => of(value).u64("value"), /map \(step 3\): "value" must be an address/));

test("a handle is small letters and at most six digits", () => {
  assert.is(handleNumber("hwpt12"), 12);
  assert.is(handleNumber("a999999"), 999_999);
  for (const text of ["", "hwpt", "12", "Hwpt1", "hwpt1x", "hw1pt1", "hwpt 1", "hwpt1000000"])
    assert.throws(() => handleNumber(text), /no handle/, text);
});

test.run();
