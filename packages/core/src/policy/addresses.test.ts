/** The two addresses: what they become, and that nothing is lost on the way there and back. */
import * as fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Iova, U64_MAX } from "../address.ts";
import { evolve } from "../evolve.ts";
import type { Range } from "../range.ts";
import { TestHost } from "../spapr/testing/host.ts";
import { ContextState } from "../state.ts";
import { addressUse } from "./address-use.ts";
import { asAllowedRange, asAskedRange, asWindow, checkOnType1 } from "./alloc-address.ts";
import { attachBase, baseOfPasid, busOfOffset, offsetOfBus, offsetOfBusRange, pasidOfBase } from "./attach-address.ts";

const test = suite("two addresses");
const DDW = 1n << 59n;
const u64 = fc.bigInt({ min: 0n, max: U64_MAX });

function range(first: bigint, last: bigint): Range {
  return { first: first as Iova, last: last as Iova };
}

const WINDOWS = [range(0n, 0x3ff_ffffn), range(DDW, DDW + 0xffff_ffffn)];
const errnoOf = (value: object | null): unknown => (value !== null && "errno" in value ? value.errno : "ok");

const REFUSALS: readonly (readonly [what: string, value: object, errno: string])[] = [
  ["no bytes", asAllowedRange({ base: 0n, length: 0n }, 1), "EINVAL"],
  ["one byte", asAllowedRange({ base: 0n, length: 1n }, 1), "EINVAL"],
  ["wraps", asAllowedRange({ base: U64_MAX, length: 2n }, 1), "EOVERFLOW"],
  ["no allowed range", asAskedRange([]), "EINVAL"],
  ["two allowed ranges", asAskedRange(WINDOWS), "EINVAL"],
  ["type1, in a hole", checkOnType1({ base: 0xfee0_0000n, length: 1n }, [range(0n, 0xfedf_ffffn)]), "EINVAL"],
  ["type1, no selector", attachBase("vfio-type1v2", 0n, []), "EOPNOTSUPP"],
  ["PASID 0", baseOfPasid(0) as object, "EINVAL"],
  ["21 bits of PASID", baseOfPasid(1 << 20) as object, "EINVAL"],
  ["a base that is an offset", pasidOfBase(0x1000n), "EINVAL"],
  ["a base of 65 bits", pasidOfBase(1n << 64n), "EOVERFLOW"],
  ["ppc, no such window", attachBase("spapr-tce-v2", 0x1000n, WINDOWS), "ENXIO"],
  ["ppc, offset past the window", busOfOffset(WINDOWS, 0n, 0x400_0000n), "ENXIO"],
  ["ppc, offset wraps", busOfOffset(WINDOWS, DDW, U64_MAX), "EOVERFLOW"],
  ["ppc, no window at the bus address", offsetOfBus(WINDOWS, 0x400_0000n), "ENXIO"],
  ["ppc, two windows", offsetOfBus([range(0n, 9n), range(5n, 20n)], 7n), "EINVAL"],
  ["ppc, from one window to the next", offsetOfBusRange(WINDOWS, range(0x1000n, DDW)), "EINVAL"],
];

for (const [what, value, errno] of REFUSALS) test(`refused: ${what}`, () => assert.is(errnoOf(value), errno));

test("a base at attach is a PASID on iommufd and a window on ppc", () => {
  assert.equal(attachBase("iommufd", DDW, []), { kind: "pasid", pasid: 0x8000 });
  assert.equal(attachBase("iommufd", 0n, []), { kind: "pasid", pasid: null });
  assert.equal(attachBase("spapr-tce-v2", DDW, WINDOWS), { kind: "window", window: WINDOWS[1] });
});

test("PASID and base, both ways", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 0xfffff }), (pasid) => {
      assert.equal(pasidOfBase(baseOfPasid(pasid) as bigint), { pasid });
    }),
  );
  assert.equal(pasidOfBase(baseOfPasid(null) as bigint), { pasid: null });
});

test("[base, size] and the allowed range, both ways", () => {
  fc.assert(
    fc.property(u64, fc.bigInt({ min: 2n, max: U64_MAX }), (base, length) => {
      const calls = asAllowedRange({ base, length }, 1);
      if ("errno" in calls) return assert.ok(base + length - 1n > U64_MAX);
      const [first, last] = calls[1].ranges[0] as readonly [bigint, bigint];
      assert.equal(asAskedRange([range(first, last)]), { base, length });
    }),
  );
});

test("offset and bus address, both ways", () => {
  fc.assert(
    fc.property(u64, u64, (a, b) => {
      const [first = 0n, last = 0n] = a < b ? [a, b] : [b, a];
      const window = range(first, last);
      const offset = (a ^ b) % (window.last - window.first + 1n);
      const bus = busOfOffset([window], window.first, offset);
      assert.ok("bus" in bus);
      assert.equal(offsetOfBus([window], bus.bus), { base: window.first, offset });
    }),
  );
});

test("sPAPR: the platform picks the start, and the window of the call holds the range", () => {
  for (const machine of ["pseries", "powernv"] as const) {
    const host = new TestHost({ machine });
    const place = { container: 0, pageShift: 16, levels: 1 };
    host.register(0n, 0x10_0000n);
    const call = asWindow(host.state, host.environment, { base: DDW + 0x1000n, length: 0x30_0000n }, place);
    assert.ok(!("errno" in call), `${machine}: ${JSON.stringify(call, (_, v) => String(v))}`);
    assert.is(call.size, 0x40_0000n);
    const made = host.call(call);
    assert.is(made.errno, null);
    assert.is(made.out?.start, DDW);
    const before = new TestHost({ machine });
    before.register(0n, 0x10_0000n);
    assert.is(
      errnoOf(asWindow(before.state, before.environment, { base: 0x5000_0000n, length: 0x1000n }, place)),
      "EINVAL",
    );
  }
});

test("a context tells which of them it uses", () => {
  const state = new ContextState();
  evolve(state, { type: "IoasAllocated", ioas: 0, kernelId: 1 }, 1);
  assert.equal(addressUse(state), { spaces: [{ ioas: 0, atAlloc: "whole", ranges: [] }], selected: [] });
  evolve(state, { type: "IovasAllowed", ioas: 0, ranges: [range(0n, 0xfffn)] }, 2);
  evolve(state, { type: "DeviceAttached", device: "d", pasid: 5, ioas: 0, hwpt: null }, 3);
  assert.equal(addressUse(state), {
    spaces: [{ ioas: 0, atAlloc: "allowed", ranges: [range(0n, 0xfffn)] }],
    selected: [{ device: "d", pasid: 5, base: 5n << 44n, ioas: 0 }],
  });
  evolve(
    state,
    { type: "WindowCreated", ioas: 0, iova: DDW as Iova, last: (DDW + 0xffffn) as Iova, pageSize: 0x1000n },
    4,
  );
  assert.is(addressUse(state).spaces[0]?.atAlloc, "windows");
});

test.run();
