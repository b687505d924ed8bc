import type { Epoch, Point, Seal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { branches } from "./branches.ts";
import { claim, isRefusal, mayAppend, type Refusal, type Ruling, release, seal, takeover } from "./rules.ts";

const test = suite("rules");

const point = (version: number, mark = "a"): Point => ({ version, digest: mark.repeat(64) });
const sealFor = (successor: string, rest: Partial<Seal> = {}): Seal => ({
  at: point(10),
  successor,
  migration: "m1",
  since: "2026-11-23T20:00:00.000Z",
  isReleased: false,
  ...rest,
});
const epoch = (number: number, owner: string, rest: Partial<Epoch> = {}): Epoch => ({
  epoch: number,
  owner,
  from: point(number === 1 ? 0 : 10),
  sealed: null,
  takeoverReason: null,
  ...rest,
});

const open = [epoch(1, "A")];
const sealed = [epoch(1, "A", { sealed: sealFor("B") })];
const released = [epoch(1, "A", { sealed: sealFor("B", { isReleased: true }) })];
const claimed = [...sealed, epoch(2, "B")];
const takenOver = [...sealed, epoch(3, "A", { takeoverReason: "B is gone" })];
const overruled = [...claimed, epoch(3, "A", { takeoverReason: "B is gone" })];

const code = (ruling: Ruling | Refusal): string => (isRefusal(ruling) ? ruling.code : `epoch ${ruling.epoch.epoch}`);

for (const [name, epochs, byA, byB] of [
  ["no epoch", [], "ERR_NOT_OWNER", "ERR_NOT_OWNER"],
  ["an open epoch", open, "epoch 1", "ERR_NOT_OWNER"],
  ["a sealed epoch", sealed, "ERR_NOT_OWNER", "ERR_NOT_OWNER"],
  ["a released one", released, "ERR_NOT_OWNER", "ERR_NOT_OWNER"],
  ["a claimed next", claimed, "ERR_NOT_OWNER", "epoch 2"],
  ["a takeover", takenOver, "epoch 3", "ERR_NOT_OWNER"],
  ["a takeover and the claim it overrules", overruled, "epoch 3", "ERR_NOT_OWNER"],
] as const)
  test(`append, with ${name}: A ${byA}, B ${byB}`, () => {
    assert.is(code(mayAppend(epochs, "A")), byA);
    assert.is(code(mayAppend(epochs, "B")), byB);
  });

for (const [name, epochs, replica, head, successor, expected] of [
  ["by the owner", open, "A", point(10), "B", "epoch 1"],
  ["by another", open, "B", point(10), "C", "ERR_NOT_OWNER"],
  ["for the owner itself", open, "A", point(10), "A", "ERR_PROTOCOL"],
  ["a second time", sealed, "A", point(10), "C", "ERR_NOT_OWNER"],
  ["at once after a claim, for the old owner (giving back)", claimed, "B", point(10), "A", "epoch 2"],
  ["before the epoch begins", claimed, "B", point(9), "A", "ERR_STALE"],
  ["of the epoch that was taken over", overruled, "B", point(12), "C", "ERR_NOT_OWNER"],
] as const)
  test(`seal, ${name}: ${expected}`, () => {
    const ruling = seal(epochs, { replica, head, successor, migration: "m2", since: "2026-11-23T21:00:00.000Z" });
    assert.is(code(ruling), expected);
    if (!isRefusal(ruling))
      assert.equal(ruling.epoch.sealed, {
        at: head,
        successor,
        migration: "m2",
        since: "2026-11-23T21:00:00.000Z",
        isReleased: false,
      });
  });

for (const [name, epochs, replica, held, expected] of [
  ["by the named successor with all of it", sealed, "B", point(10), "epoch 2"],
  ["by a third", sealed, "C", point(10), "ERR_NOT_OWNER"],
  ["by the sealer before a release", sealed, "A", point(10), "ERR_NOT_OWNER"],
  ["with less than the seal", sealed, "B", point(9), "ERR_STALE"],
  ["with more than the seal", sealed, "B", point(11), "ERR_STALE"],
  ["with another digest", sealed, "B", point(10, "b"), "ERR_FORK"],
  ["by the sealer after a release", released, "A", point(10), "epoch 2"],
  ["by the successor after its release", released, "B", point(10), "ERR_NOT_OWNER"],
  ["of an epoch that is not sealed", open, "B", point(10), "ERR_NOT_OWNER"],
  ["a second time", claimed, "B", point(10), "ERR_NOT_OWNER"],
] as const)
  test(`claim, ${name}: ${expected}`, () => {
    const ruling = claim(epochs, replica, held);
    assert.is(code(ruling), expected);
    if (!isRefusal(ruling)) assert.equal(ruling.epoch, epoch(2, replica));
  });

for (const [name, epochs, replica, expected] of [
  ["by the named successor", sealed, "B", "epoch 1"],
  ["again", released, "B", "epoch 1"],
  ["by the sealer", sealed, "A", "ERR_NOT_OWNER"],
  ["after the claim", claimed, "B", "ERR_NOT_OWNER"],
  ["with nothing sealed", open, "B", "ERR_NOT_OWNER"],
] as const)
  test(`release, ${name}: ${expected}`, () => {
    const ruling = release(epochs, replica);
    assert.is(code(ruling), expected);
    if (!isRefusal(ruling)) assert.is(ruling.epoch.sealed?.isReleased, true);
  });

for (const [name, epochs, replica, held, reason, expected] of [
  ["in doubt, by the sealer", sealed, "A", point(10), "B is gone", "epoch 3"],
  ["without a reason", sealed, "A", point(10), "  ", "ERR_USAGE"],
  ["by the successor", sealed, "B", point(10), "x", "ERR_NOT_OWNER"],
  ["after a release (a claim does it)", released, "A", point(10), "x", "ERR_OWNER_HERE"],
  ["after a claim that is known", claimed, "A", point(10), "x", "ERR_NOT_OWNER"],
  ["of what is owned", open, "A", point(10), "x", "ERR_OWNER_HERE"],
  ["with another head than the seal's", sealed, "A", point(10, "b"), "x", "ERR_STALE"],
] as const)
  test(`takeover, ${name}: ${expected}`, () => {
    const ruling = takeover(epochs, replica, held, reason);
    assert.is(code(ruling), expected);
    if (!isRefusal(ruling)) assert.equal(ruling.epoch, epoch(3, "A", { takeoverReason: "B is gone" }));
  });

test("a refusal leaves the epochs as they were", () => {
  const before = structuredClone(sealed);
  seal(sealed, { replica: "A", head: point(10), successor: "C", migration: "m2", since: "" });
  claim(sealed, "C", point(10));
  release(sealed, "A");
  takeover(sealed, "B", point(10), "x");
  assert.equal(sealed, before);
});

test("branches: one without a takeover, two with one, whether or not the claim turned up", () => {
  const head = point(15, "c");
  assert.equal(branches([], head), []);
  assert.equal(branches(claimed, head), [{ epoch: 2, owner: "B", fromVersion: 0, digest: head.digest }]);
  const two = [
    { epoch: 2, owner: "B", fromVersion: 10, digest: point(10).digest },
    { epoch: 3, owner: "A", fromVersion: 10, digest: head.digest },
  ];
  assert.equal(branches(takenOver, head), two);
  assert.equal(branches(overruled, head), two);
});

test.run();
