import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ContextState, type Hwpt } from "./state.ts";

const test = suite("ContextState");

const hwptOf = (handle: number, kernelId: number | null, ioas: number, parent: number | null): Hwpt => ({
  handle,
  kernelId,
  ioas,
  auto: false,
  pageSize: null,
  aperture: null,
  dirtyTracking: false,
  nestParent: false,
  parent,
  isTracking: false,
});

test("what is alive is what a walk over all that ever was finds", () => {
  let seed = 5;
  const random = (below: number) => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >>> 8) % below;
  const state = new ContextState();
  for (let step = 0; step < 3_000; step++) {
    const handle = random(Math.floor(step / 20) + 1);
    // Recordings repeat handles and ids, name what is gone, and leave some out.
    if (random(3) === 0) state.space(handle).kernelId = random(8);
    if (random(4) === 0) state.destroySpace(handle);
    if (random(2) === 0) state.addHwpt(hwptOf(handle, random(8), random(6), random(4) === 0 ? 0 : null));
    if (random(3) === 0) state.removeHwpt(random(Math.floor(step / 20) + 1));
    const spaces = state.spaces.filter(({ isAlive }) => isAlive);
    const hwpts = state.hwpts.filter((hwpt) => hwpt !== undefined);
    assert.equal(
      state.liveSpaces.map((space) => space.handle),
      spaces.map((space) => space.handle),
    );
    assert.equal(state.liveHwpts, hwpts);
    const id = random(8);
    assert.is(state.spaceOfKernelId(id), spaces.findLast(({ kernelId }) => kernelId === id) ?? null);
    assert.is(state.hwptOfKernelId(id), hwpts.findLast((hwpt) => hwpt?.kernelId === id) ?? null);
    const ioas = random(6);
    assert.equal(
      state.pageTablesOf(ioas),
      hwpts.filter((hwpt) => hwpt?.ioas === ioas && hwpt.parent === null),
    );
  }
});

test.run();
