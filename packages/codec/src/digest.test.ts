import { createHash } from "node:crypto";
import {
  EVENT_TYPES,
  type EventBatch,
  errnoCode,
  IoasisError,
  PROTS,
  type Recorded,
  recordedAt,
  SOURCE_KINDS,
} from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeBlock, encodeBlock } from "./block.ts";
import { Digest, EMPTY_DIGEST, LEAF_VERSIONS } from "./digest.ts";
import { pack } from "./pack.ts";
import { Dice, randomBatch, sliceOf } from "./testing/random-batch.ts";

const test = suite("digest");

function digestOf(batches: readonly EventBatch[]): string {
  const digest = new Digest();
  for (const batch of batches) digest.feed(batch);
  return digest.value();
}

/** docs/FORMAT.md once more, slowly, from event records and node's own SHA-256. */
function slowDigest(events: readonly Recorded[]): string {
  let head: Buffer = Buffer.alloc(32);
  for (let from = 0; from < events.length; from += 1024) {
    const actors: string[] = [];
    const clocks: string[] = [];
    const rows = events.slice(from, from + 1024).map((event) => slowRow(event, actors, clocks));
    head = createHash("sha256")
      .update(Buffer.concat([head, ...rows]))
      .digest();
  }
  return head.toString("hex");
}

function slowRow(recorded: Recorded, actors: string[], clocks: string[]): Buffer {
  const { version, epoch, stamp, actor, errno, line, event } = recorded;
  const row = Buffer.alloc(64);
  const tail: Uint8Array[] = [];
  const name = (names: string[], entry: unknown): number => {
    const packed = pack(entry);
    const key = Buffer.from(packed).toString("hex");
    if (!names.includes(key)) {
      names.push(key);
      tail.push(packed);
    }
    return names.indexOf(key) + 1;
  };
  row.writeBigUInt64LE(BigInt(version), 0);
  row.writeUInt32LE(epoch, 40);
  row.writeInt32LE(-1, 44);
  row.writeInt32LE(-1, 48);
  row.writeUInt32LE(line, 52);
  row.writeUInt8(EVENT_TYPES.indexOf(event.type), 60);
  row.writeUInt8(errnoCode(errno), 61);
  if (actor !== null) row.writeUInt16LE(name(actors, [actor.comm, actor.pid, actor.tid, actor.cpu, actor.flags]), 56);
  if (stamp !== null) {
    row.writeUInt16LE(name(clocks, [stamp.clock, stamp.decimals]), 58);
    row.writeBigInt64LE(stamp.ticks, 32);
  }
  slowEvent(event, row, tail);
  return Buffer.concat([row, ...tail.flatMap((bytes) => [u32(bytes.length), bytes])]);
}

function slowEvent(event: Recorded["event"], row: Buffer, tail: Uint8Array[]): void {
  switch (event.type) {
    case "IovaUnmapped":
      row.writeInt32LE(event.ioas, 44);
      row.writeBigUInt64LE(event.iova, 8);
      row.writeBigUInt64LE(event.last, 16);
      row.writeBigUInt64LE(BigInt.asUintN(64, event.bytes), 24);
      if (event.bytes === 1n << 64n) row.writeUInt8(0x80, 62);
      return;
    case "UnmapRefused":
      row.writeInt32LE(event.ioas ?? -1, 44);
      row.writeBigUInt64LE(event.iova, 8);
      row.writeBigUInt64LE(event.length, 16);
      return;
    case "IovaMapped":
    case "MapRefused": {
      const { source } = event;
      row.writeInt32LE(event.ioas ?? -1, 44);
      row.writeBigUInt64LE(event.iova ?? 0n, 8);
      row.writeBigUInt64LE(event.type === "IovaMapped" ? event.last : event.length, 16);
      if ("fd" in source) row.writeInt32LE(source.fd, 48);
      const at = "va" in source ? source.va : "start" in source ? source.start : "gpa" in source ? source.gpa : 0n;
      row.writeBigUInt64LE("paddr" in source ? source.paddr : at, 24);
      const writable = source.kind === "copy" && source.writable ? 0x40 : 0;
      const unknown = event.iova === null ? 0x80 : 0;
      row.writeUInt8(PROTS.indexOf(event.prot) | (SOURCE_KINDS.indexOf(source.kind) << 2) | writable | unknown, 62);
      if (source.runs === undefined) return;
      row.writeUInt8(1, 63);
      tail.push(pack(source.runs.map(({ iova, paddr, length }) => [iova, paddr, length])));
      return;
    }
    default:
      row.writeUInt8(2, 63);
      tail.push(pack(event));
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

test("agrees with a slow reading of docs/FORMAT.md at, before and after the borders of leaves", () => {
  const batch = randomBatch(new Dice(11), 1, 2 * LEAF_VERSIONS + 40);
  const events = Array.from({ length: batch.length }, (_, row) => recordedAt(batch, row));
  const digest = new Digest();
  assert.is(digest.value(), EMPTY_DIGEST);
  for (const version of [1, 2, 50, 1023, 1024, 1025, 2047, 2048, 2049, 2088]) {
    digest.feed(batch, digest.version, version);
    assert.is(digest.version, version);
    assert.is(digest.value(), slowDigest(events.slice(0, version)), `version ${version}`);
  }
});

test("is the same however the history was cut into batches, and after blocks", () => {
  const dice = new Dice(12);
  const batch = randomBatch(dice, 1, 3000);
  const whole = digestOf([batch]);
  for (const size of [1, 7, 1000, 1024, 2999]) {
    const parts: EventBatch[] = [];
    for (let from = 0; from < batch.length; from += size)
      parts.push(sliceOf(batch, from, Math.min(batch.length, from + size)));
    assert.is(digestOf(parts), whole, `batches of ${size}`);
  }
  const { epoch, firstVersion, length: count } = batch;
  const header = { contextId: "c", epoch, firstVersion, count, previous: "", digest: whole, mark: null };
  assert.is(digestOf([decodeBlock(encodeBlock(header, batch)).batch]), whole);
});

test("every field of an event changes it", () => {
  const whole = digestOf([randomBatch(new Dice(13), 1, 40)]);
  const changes: readonly ((batch: EventBatch) => void)[] = [
    (batch) => (batch.iova[0] = (batch.iova[0] as bigint) ^ 1n),
    (batch) => (batch.last[0] = (batch.last[0] as bigint) ^ (1n << 63n)),
    (batch) => (batch.value[0] = (batch.value[0] as bigint) ^ 1n),
    (batch) => (batch.ticks[0] = (batch.ticks[0] as bigint) ^ 1n),
    (batch) => (batch.line[39] = (batch.line[39] as number) ^ 1),
    (batch) => (batch.errno[0] = (batch.errno[0] as number) ^ 1),
    (batch) => (batch.traits[0] = (batch.traits[0] as number) ^ 1),
    (batch) => (batch.ioas[0] = (batch.ioas[0] as number) ^ 1),
    (batch) => (batch.fd[0] = 77),
    (batch) => (batch.actor[39] = batch.actor[39] === 0 ? 1 : 0),
    (batch) => (batch.clock[39] = batch.clock[39] === 0 ? 1 : 0),
    (batch) => (batch.colds[0] = { type: "BookmarkSet", name: "another" }),
  ];
  for (const [index, change] of changes.entries()) {
    const batch = randomBatch(new Dice(13), 1, 40);
    change(batch);
    assert.is.not(digestOf([batch]), whole, `change ${index}`);
  }
});

test("goes on from what was saved, inside a leaf and at its end", () => {
  const batch = randomBatch(new Dice(14), 1, 2500);
  const whole = digestOf([batch]);
  for (const version of [0, 1, 700, 1024, 1500, 2048, 2500]) {
    const first = new Digest();
    first.feed(batch, 0, version);
    const second = new Digest(first.save());
    assert.is(second.version, version);
    assert.is(second.value(), first.value());
    assert.equal(second.save(), first.save());
    second.feed(batch, version);
    assert.is(second.value(), whole, `from ${version}`);
  }
});

test("refuses a broken state, and rows out of order", () => {
  for (const state of [Uint8Array.of(), pack([1, 2, 3]), pack([5, new Uint8Array(32), new Uint8Array(0), [], []])])
    assert.throws(
      () => new Digest(state),
      (error: unknown) => error instanceof IoasisError && error.code === "ERR_BLOCK",
    );
  const batch = randomBatch(new Dice(15), 2, 3);
  assert.throws(() => new Digest().feed(batch), /version 1 comes next/);
});

test.run();
