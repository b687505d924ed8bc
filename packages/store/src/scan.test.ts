import { suite } from "uvu";
import * as assert from "uvu/assert";
import { crc32c } from "./crc32c.ts";
import { draft, encodeHead, FRAME_BLOCK, FRAME_HEAD_BYTES } from "./frame.ts";
import { scan, tornAt } from "./scan.ts";

const test = suite("scan");

/** A segment of commit groups, each a list of payload sizes. */
function segment(...groups: readonly (readonly number[])[]): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  let sequence = 0;
  for (const group of groups) {
    const durable = at;
    for (const size of group) {
      const frame = draft(FRAME_BLOCK, 1, ++sequence, Buffer.alloc(size, sequence));
      parts.push(encodeHead(frame, durable), frame.payload);
      at += FRAME_HEAD_BYTES + size;
    }
  }
  return Buffer.concat(parts);
}

const shape = (bytes: Uint8Array) => scan(bytes).map((item) => [item.isIntact ? "frame" : "damage", item.offset]);

test("CRC-32C gives the check value of its definition", () => {
  assert.is(crc32c(Buffer.from("123456789")), 0xe3069283);
});

test("finds every frame, the empty ones too", () => {
  assert.equal(shape(segment([10, 0], [5])), [
    ["frame", 0],
    ["frame", 70],
    ["frame", 130],
  ]);
  assert.equal(shape(new Uint8Array(0)), []);
});

test("a first page that the crash lost does not make the group behind it acknowledged", () => {
  const bytes = segment([100], [200, 300]);
  bytes.fill(0, 160, 300);
  assert.equal(shape(bytes), [
    ["frame", 0],
    ["damage", 160],
    ["frame", 420],
  ]);
  assert.is(tornAt(scan(bytes)), 160);
});

test("what a later group proves to have been acknowledged is damage, not a torn write", () => {
  const bytes = segment([100], [200, 300], [0]);
  bytes.fill(0, 160, 300);
  assert.is(tornAt(scan(bytes)), null);
  bytes.fill(0, bytes.length - 60);
  assert.is(tornAt(scan(bytes)), 160);
});

test("a damaged payload still tells whose it was and where the next frame is", () => {
  const bytes = segment([100], [200], [0]);
  bytes[250] = 0xff;
  const [, damage] = scan(bytes);
  assert.equal(damage?.head, { type: FRAME_BLOCK, length: 200, durable: 160, context: 1, sequence: 2 });
  assert.equal(shape(bytes), [
    ["frame", 0],
    ["damage", 160],
    ["frame", 420],
  ]);
});

test("a damaged head leaves a payload that its hash proves", () => {
  const bytes = segment([100], [200], [0]);
  bytes[160 + 9] = 0x77;
  const [, damage] = scan(bytes);
  assert.is(damage?.head, null);
  assert.equal(damage?.payload, Buffer.alloc(200, 2));
});

test("bytes that only look like a frame are passed over", () => {
  const bytes = Buffer.concat([segment([10]), Buffer.from("a9494f46", "hex"), Buffer.alloc(90), segment([20])]);
  assert.equal(shape(bytes), [
    ["frame", 0],
    ["damage", 70],
    ["frame", 164],
  ]);
});

test.run();
