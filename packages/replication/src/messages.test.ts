import { pack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { COMPARED_VERSIONS_MAX } from "./limits.ts";
import { encodeMessage, type Message, type MessageType, parseMessage } from "./messages.ts";

const test = suite("messages");

const digest = "0123456789abcdef".repeat(4);
const point = { version: 7, digest };
const epoch = {
  epoch: 1,
  owner: "alpha-1",
  from: { version: 0, digest },
  sealed: { at: point, successor: "beta-2", migration: "m", since: "2026-11-23T20:00:00Z", isReleased: false },
  takeoverReason: null,
};
const context = { name: "guest", id: "c0ffee", profile: "iommufd", epochs: [epoch], head: point } as const;
const named = { migration: "m", context: "guest" };

const ALL: { readonly [T in MessageType]: Message & { readonly type: T } } = {
  hello: { type: "hello", protocol: 1, replica: "alpha-1" },
  announce: { type: "announce", context },
  following: { type: "following", context: "guest", held: { ...point, hash: digest } },
  refused: { type: "refused", context: "guest", migration: null, code: "ERR_LOCKED", reason: "busy" },
  ledger: { type: "ledger", context: "guest", document: "page/1/0", bytes: Uint8Array.of(1, 2), hash: digest },
  blocks: { type: "blocks", context: "guest", blocks: [Uint8Array.of(3)], hash: digest },
  epochs: { type: "epochs", context: "guest", epochs: [epoch] },
  compare: { type: "compare", context: "guest", versions: [1, 7] },
  compared: { type: "compared", context: "guest", digests: [digest] },
  acked: { type: "acked", context: "guest", point },
  offer: { type: "offer", migration: "m", context },
  accept: { type: "accept", ...named, held: { ...point, hash: "" } },
  prepare: { type: "prepare", ...named, point },
  prepared: { type: "prepared", ...named, point, spaceDigest: digest },
  seal: { type: "seal", ...named, epoch, blocks: [Uint8Array.of(3)] },
  claimed: { type: "claimed", ...named, epoch: { ...epoch, sealed: null } },
  cancel: { type: "cancel", ...named, epoch },
  released: { type: "released", ...named, reason: "no" },
  fault: { type: "fault", code: "ERR_DISK", message: "full" },
};

const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v) => (v instanceof Uint8Array ? Array.from(v) : v)));

function refusalOf(frame: Uint8Array): string {
  try {
    parseMessage(frame);
    return "parsed";
  } catch (error) {
    assert.instance(error, IoasisError);
    assert.is((error as IoasisError).code, "ERR_PROTOCOL");
    return (error as IoasisError).message;
  }
}

for (const message of Object.values(ALL))
  test(`${message.type}: there and back, and every field is needed`, () => {
    assert.equal(plain(parseMessage(encodeMessage(message))), plain(message));
    for (const field of Object.keys(message).filter((name) => name !== "type")) {
      const rest = Object.fromEntries(Object.entries(message).filter(([name]) => name !== field));
      assert.match(refusalOf(pack(rest)), field);
      assert.match(refusalOf(pack({ ...rest, [field]: 1.5 })), field);
    }
  });

test("every cut of a frame, and noise, is refused", () => {
  const frame = encodeMessage(ALL.seal);
  for (let length = 0; length < frame.length; length++) assert.is.not(refusalOf(frame.subarray(0, length)), "parsed");
  for (const noise of [[], [0xc1], [0x90], [0x80], [0xff, 0xff], [0xc0], [0xd9, 0xff]])
    assert.is.not(refusalOf(Uint8Array.from(noise)), "parsed");
});

test("an unknown type is named", () => {
  assert.match(refusalOf(pack({ type: "dance" })), 'unknown message type "dance"');
  assert.match(refusalOf(pack({ type: "__proto__" })), "unknown message type");
  assert.match(refusalOf(pack({ type: "toString" })), "unknown message type");
});

test("lists have a length, hashes a form, counts are whole", () => {
  const digests = Array.from({ length: COMPARED_VERSIONS_MAX + 1 }, () => digest);
  assert.match(refusalOf(pack({ ...ALL.compared, digests })), "at most");
  assert.match(refusalOf(pack({ ...ALL.compared, digests: ["XYZ"] })), "64 hex digits");
  assert.match(refusalOf(pack({ ...ALL.compare, versions: [-1] })), "version is not a count");
  assert.match(refusalOf(pack({ ...ALL.acked, point: { version: -1, digest } })), "version is not a count");
  assert.match(refusalOf(pack({ ...ALL.acked, point: { version: 2 ** 60, digest } })), "version is not a count");
  assert.match(refusalOf(pack({ ...ALL.ledger, bytes: new Uint8Array() })), "bytes is not bytes");
});

test.run();
