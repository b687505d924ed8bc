import { type ContextState, evolve, type Iova, ContextState as State } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spaceDigest } from "./space-digest.ts";

const test = suite("spaceDigest");
const GPA = 4 << 2;
const VA = 1 << 2;
const FILE = 2 << 2;
const RW = 3;

interface Host {
  /** Handles burnt before the space is made. */
  readonly before: number;
  readonly kernelId: number;
  readonly change?: (state: ContextState, handle: number) => void;
}

/** The same guest's space on some host. */
function on({ before, kernelId, change }: Host): string {
  const state = new State();
  for (let ioas = 0; ioas < before; ioas++) {
    evolve(state, { type: "IoasAllocated", ioas, kernelId: ioas + 900 }, 1);
    evolve(state, { type: "IoasDestroyed", ioas }, 1);
  }
  const ioas = before;
  evolve(state, { type: "IoasAllocated", ioas, kernelId }, 2);
  const pageSize = 4096n;
  const hwpt = {
    hwpt: before,
    ioas,
    kernelId,
    auto: true,
    pageSize,
    aperture: null,
    dirtyTracking: false,
    nestParent: false,
  };
  evolve(state, { type: "HwptAllocated", ...hwpt }, 3);
  const reserved = { iova: 0xfee0_0000n as Iova, last: 0xfeef_ffffn as Iova };
  evolve(state, { type: "IovaReserved", ioas, owner: "device:a", ...reserved }, 3);
  evolve(state, { type: "DeviceAttached", device: "0000:00:05.0", pasid: null, ioas, hwpt: before }, 4);
  const { areas } = state.space(ioas);
  areas.insert(0x1000n, 0x1fffn, GPA | RW, 0x8000n, -1, null, 5 + before);
  areas.insert(0x2000n, 0x2fffn, VA | RW, 0x7f00_0000n + BigInt(kernelId), -1, null, 6);
  areas.insert(0x3000n, 0x3fffn, FILE | RW, 0x10_0000n, kernelId, null, 7);
  change?.(state, ioas);
  return spaceDigest(state);
}

const here = { before: 0, kernelId: 1 };

test("a space rebuilt elsewhere is equal: other handles, kernel ids, host addresses, fds, versions", () => {
  assert.match(on(here), /^[0-9a-f]{64}$/);
  assert.is(on({ before: 3, kernelId: 42 }), on(here));
});

test("cuts of the source count from the new start, and adjacent areas stay apart", () => {
  const cut = on({ ...here, change: (state, at) => void state.space(at).areas.remove(0x1000n, 0x17ffn) });
  const built = on({
    ...here,
    change: (state, at) => {
      state.space(at).areas.remove(0x1000n, 0x1fffn);
      state.space(at).areas.insert(0x1800n, 0x1fffn, GPA | RW, 0x8800n, -1, null, 99);
    },
  });
  assert.is(cut, built);
  const halves = on({
    ...here,
    change: (state, at) => {
      state.space(at).areas.remove(0x1000n, 0x1fffn);
      state.space(at).areas.insert(0x1000n, 0x17ffn, GPA | RW, 0x8000n, -1, null, 9);
      state.space(at).areas.insert(0x1800n, 0x1fffn, GPA | RW, 0x8800n, -1, null, 9);
    },
  });
  assert.is.not(halves, on(here));
});

test("everything a guest can see changes it", () => {
  const changes: readonly ((state: ContextState, ioas: number) => void)[] = [
    (state, at) => void state.space(at).areas.remove(0x3000n, 0x3fffn),
    (state, at) => state.space(at).areas.insert(0x9000n, 0x9fffn, RW, 0n, -1, null, 9),
    (state, ioas) => evolve(state, { type: "IovaUnreserved", ioas, owner: "device:a" }, 9),
    (state, ioas) =>
      evolve(state, { type: "IovasAllowed", ioas, ranges: [{ first: 0n as Iova, last: 0xfffn as Iova }] }, 9),
    (state) => evolve(state, { type: "DeviceDetached", device: "0000:00:05.0", pasid: null }, 9),
    (state, ioas) => evolve(state, { type: "DeviceAttached", device: "0000:00:05.0", pasid: 7, ioas, hwpt: null }, 9),
    (state) => evolve(state, { type: "HwptDestroyed", hwpt: 0 }, 9),
    (state) => evolve(state, { type: "IoasAllocated", ioas: 1, kernelId: 77 }, 9),
    (state, ioas) => evolve(state, { type: "IoasDestroyed", ioas }, 9),
  ];
  const digests = new Set([on(here), ...changes.map((change) => on({ ...here, change }))]);
  assert.is(digests.size, changes.length + 1);
});

test("a bookmark and a fault are no part of it", () => {
  const change = (state: ContextState) => evolve(state, { type: "BookmarkSet", name: "here" }, 9);
  assert.is(on({ ...here, change }), on(here));
});

test.run();
