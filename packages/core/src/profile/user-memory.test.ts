import { suite } from "uvu";
import * as assert from "uvu/assert";
import { IoasisError } from "../failure.ts";
import { kernelProfile } from "./kernel-profile.ts";
import { UserMemory } from "./user-memory.ts";

const test = suite("profile");
const memory = UserMemory.of(0x10000n, 0x10000n);

test("only what is mapped can be pinned", () => {
  assert.ok(memory.canPin(0x10000n, 0x1ffffn, true));
  assert.not(memory.canPin(0xffffn, 0x10000n, false));
  assert.not(memory.canPin(0x1f000n, 0x20000n, false));
  assert.not(UserMemory.of(0n, 0n).canPin(0n, 0n, false));
});

test("a hole stops what crosses it", () => {
  const holed = memory.without(0x14000n, 0x1000n);
  assert.ok(holed.canPin(0x10000n, 0x13fffn, true));
  assert.ok(holed.canPin(0x15000n, 0x1ffffn, true));
  assert.not(holed.canPin(0x13000n, 0x14000n, false));
  assert.not(holed.canPin(0x14000n, 0x14fffn, false));
  assert.ok(memory.canPin(0x14000n, 0x14fffn, false), "a value does not change");
});

test("protection counts for writing, and can be lifted", () => {
  const readOnly = memory.protected(0x14000n, 0x1000n, 1);
  assert.ok(readOnly.canPin(0x10000n, 0x1ffffn, false));
  assert.not(readOnly.canPin(0x10000n, 0x1ffffn, true));
  assert.ok(readOnly.canPin(0x15000n, 0x15fffn, true));
  assert.ok(readOnly.protected(0x14000n, 0x1000n, 3).canPin(0x10000n, 0x1ffffn, true));
  assert.not(memory.protected(0x14000n, 0x1000n, 0).canPin(0x14000n, 0x14000n, false));
});

test("a kernel is modelled as the newest generation that is not newer", () => {
  assert.is(kernelProfile("6.12.107-iommufd-oracle").release, "6.12");
  assert.is(kernelProfile("6.18").release, "6.12");
  assert.is(kernelProfile("7.3.4-1~bpo13+1").release, "7.3");
  assert.is(kernelProfile("10.0").release, "7.3");
  for (const release of ["5.15.0", "trunk", ""]) {
    assert.throws(
      () => kernelProfile(release),
      (error: unknown) => error instanceof IoasisError && error.code === "ERR_INPUT",
    );
  }
});

test.run();
