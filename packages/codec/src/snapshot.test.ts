import { applyBatch, ContextState, IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Digest } from "./digest.ts";
import { decodeSnapshot, encodeSnapshot, type Snapshot } from "./snapshot.ts";
import { spaceDigest } from "./space-digest.ts";
import { plainState } from "./testing/plain-state.ts";
import { Dice, randomBatch } from "./testing/random-batch.ts";

const test = suite("snapshot");

function snapshotOf(dice: Dice, rows: number): Snapshot {
  const batch = randomBatch(dice, 1, rows);
  const state = new ContextState();
  applyBatch(state, batch);
  const digest = new Digest();
  digest.feed(batch);
  return { contextId: "c-1", state, digest: digest.save() };
}

function outcome(bytes: Uint8Array): string {
  try {
    decodeSnapshot(bytes);
    return "read";
  } catch (error) {
    if (!(error instanceof IoasisError)) throw error;
    return error.code;
  }
}

test("every field of the state comes back", () => {
  const dice = new Dice(21);
  for (const rows of [1, 35, 300, 5000]) {
    const snapshot = snapshotOf(dice, rows);
    const back = decodeSnapshot(encodeSnapshot(snapshot));
    assert.equal(plainState(back.state), plainState(snapshot.state));
    assert.is(back.contextId, snapshot.contextId);
    assert.equal(back.digest, snapshot.digest);
    assert.is(spaceDigest(back.state), spaceDigest(snapshot.state));
  }
});

test("a restored state goes on as the one it was made from", () => {
  const dice = new Dice(22);
  const snapshot = snapshotOf(dice, 3000);
  const back = decodeSnapshot(encodeSnapshot(snapshot)).state;
  const more = randomBatch(dice, 3001, 3000);
  applyBatch(snapshot.state, more);
  applyBatch(back, more);
  assert.equal(plainState(back), plainState(snapshot.state));
});

test("an empty state and the whole space come back", () => {
  const empty = { contextId: "", state: new ContextState(), digest: new Digest().save() };
  assert.equal(plainState(decodeSnapshot(encodeSnapshot(empty)).state), plainState(empty.state));
  const whole = new ContextState();
  const space = whole.space(0);
  space.areas.insert(0n, 0xffff_ffff_ffff_ffffn, 3, 0n, -1, null, 1);
  space.known.add(0n, 0xffff_ffff_ffff_ffffn);
  const back = decodeSnapshot(encodeSnapshot({ ...empty, state: whole })).state;
  assert.equal(plainState(back), plainState(whole));
});

test("a flipped bit, a cut and bytes behind it are damage", () => {
  const bytes = encodeSnapshot(snapshotOf(new Dice(23), 60));
  for (let bit = 0; bit < bytes.length * 8; bit += 3) {
    const flipped = bytes.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.is(outcome(flipped), (flipped[4] as number) > 2 ? "ERR_NEWER" : "ERR_BLOCK", `bit ${bit}`);
  }
  for (let length = 0; length < bytes.length; length += 7) assert.is(outcome(bytes.subarray(0, length)), "ERR_BLOCK");
  assert.is(outcome(Uint8Array.of(...bytes, 0)), "ERR_BLOCK");
});

test.run();
