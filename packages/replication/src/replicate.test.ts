import { IoasisError } from "@ioasis/core";
import { type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { announcementOf } from "./announcement.ts";
import { PeerIntake } from "./intake.ts";
import { memoryPair } from "./memory-transport.ts";
import { encodeMessage, type Message, type MessageOf, parseMessage } from "./messages.ts";
import { Peer } from "./peer.ts";
import { Publication } from "./publication.ts";
import { Replica } from "./replica.ts";
import { appendBlock, journalOf } from "./testing/blocks.ts";
import type { Connection } from "./transport.ts";

const test = suite("replicate");

/** Publishes "guest" of `source` over `connection`; `acked` is called with every acknowledgement. */
async function publish(source: Journal, connection: Connection, onAck: (version: number) => void) {
  const replica = new Replica(source);
  const peer = await Peer.meet(connection, replica);
  const publication: Publication = new Publication(replica, "guest", peer, () =>
    onAck(publication.acked?.version ?? 0),
  );
  const answers: Message[] = [];
  const running = peer
    .run((message) => {
      if (message.type === "ledger" || message.type === "want" || message.type === "acked") publication.handle(message);
      else {
        answers.push(message);
        if (message.type === "following") publication.start();
      }
    })
    .finally(() => publication.stop());
  const context = announcementOf(source, "guest");
  assert.ok(context !== null);
  await peer.send({ type: "announce", context });
  return { peer, publication, running, answers };
}

async function follow(destination: Journal, connection: Connection): Promise<void> {
  const replica = new Replica(destination);
  const peer = await Peer.meet(connection, replica);
  const intake = new PeerIntake(replica, peer);
  try {
    await peer.run(async (message) => {
      assert.ok(await intake.handle(message), message.type);
    });
  } finally {
    intake.end();
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(condition(), "it came to that");
};

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ended",
    (error: unknown) => (error instanceof IoasisError ? error.code : String(error)),
  );

test("a replica follows a journal that grows, and acknowledges what it durably holds", async () => {
  const source = await journalOf("alpha-1", 200);
  const destination = openMemoryJournal({ replica: "beta-2" });
  const [near, far] = memoryPair().ends;
  const acks: number[] = [];
  const following = follow(destination, far);
  const { peer, running, publication } = await publish(source, near, (version) => {
    assert.ok((destination.context("guest")?.head.version ?? 0) >= version, "acknowledged before it was held");
    acks.push(version);
  });
  await until(() => acks.at(-1) === 2_000);
  for (let i = 0; i < 100; i++) {
    await appendBlock(source, "guest", 10);
    if (i % 10 === 0) publication.advance();
  }
  await until(() => acks.at(-1) === 3_000);
  assert.equal(
    acks,
    [...acks].sort((a, b) => a - b),
  );
  assert.equal(destination.context("guest")?.head, source.context("guest")?.head);
  assert.equal(destination.context("guest")?.epochs, source.context("guest")?.epochs);
  await peer.close();
  await Promise.all([running, following]);
});

test("a connection that breaks is continued where it broke, block by block", async () => {
  const source = await journalOf("alpha-1", 400);
  const destination = openMemoryJournal({ replica: "beta-2" });
  let sent = 0;
  for (let attempt = 0; attempt < 20 && destination.context("guest")?.head.version !== 4_000; attempt++) {
    const { ends, cut } = memoryPair();
    let isCut = false;
    const following = codeOf(follow(destination, ends[1]));
    const { running, publication } = await publish(source, ends[0], (version) => {
      if (isCut || (version < 500 * (attempt + 1) && version < 4_000)) return;
      isCut = true;
      cut();
    });
    await Promise.all([codeOf(running), following]);
    sent += publication.blockBytes;
  }
  assert.equal(destination.context("guest")?.head, source.context("guest")?.head);
  assert.ok((await destination.verify()).ok);
  const size = [...source.blocks("guest")].reduce((sum, block) => sum + block.bytes().byteLength, 0);
  assert.ok(sent < 6 * size, `${sent} bytes were sent for ${size}`);
});

test("what was sealed and claimed elsewhere arrives at a third replica", async () => {
  const source = await journalOf("alpha-1", 5);
  const info = source.context("guest");
  const first = info?.epochs[0];
  assert.ok(info !== null && first !== undefined);
  const at = info.head;
  const sealed = { at, successor: "gamma-3", migration: "m", since: "2026-11-23T20:00:00Z", isReleased: false };
  await source.recordEpoch("guest", { ...first, sealed });
  await source.recordEpoch("guest", { epoch: 2, owner: "gamma-3", from: at, sealed: null, takeoverReason: null });
  const destination = openMemoryJournal({ replica: "beta-2" });
  const [near, far] = memoryPair().ends;
  const following = follow(destination, far);
  const { peer, running } = await publish(source, near, () => undefined);
  await until(() => destination.context("guest")?.epochs.length === 2);
  assert.equal(destination.context("guest")?.epochs, source.context("guest")?.epochs);
  await peer.close();
  await Promise.all([running, following]);
});

test("an announcement that cannot be followed is refused, with the reason, and changes nothing", async () => {
  const source = await journalOf("alpha-1", 2);
  const destination = await journalOf("beta-2", 1);
  const before = destination.context("guest");
  const [near, far] = memoryPair().ends;
  const following = follow(destination, far);
  const { peer, running, answers } = await publish(source, near, () => undefined);
  await until(() => answers.length > 0);
  const [answer] = answers;
  assert.ok(answer?.type === "refused" && answer.code === "ERR_CONTEXT_EXISTS");
  assert.equal(destination.context("guest"), before);
  await peer.close();
  await Promise.all([running, following]);
});

/** A publisher whose messages may be changed on their way. */
const tampered = (connection: Connection, change: (message: Message) => Message): Connection => ({
  peer: connection.peer,
  receive: () => connection.receive(),
  close: () => connection.close(),
  send: (frame) => connection.send(encodeMessage(change(parseMessage(frame)))),
});

const flipped = ({ blocks, ...rest }: MessageOf<"blocks">): Message => {
  const [first = new Uint8Array(), ...others] = blocks;
  const changed = Uint8Array.from(first);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  return { ...rest, blocks: [changed, ...others] };
};

for (const [name, change] of [
  ["a block with a flipped bit", (m: Message) => (m.type === "blocks" ? flipped(m) : m)],
  ["blocks in another order", (m: Message) => (m.type === "blocks" ? { ...m, blocks: m.blocks.toReversed() } : m)],
  [
    "more blocks than were asked for",
    (m: Message) => (m.type === "blocks" ? { ...m, blocks: [...m.blocks, ...m.blocks] } : m),
  ],
  [
    "a ledger with a flipped byte",
    (m: Message) => (m.type === "ledger" ? { ...m, bytes: m.bytes.map((b, i) => (i === 3 ? b ^ 255 : b)) } : m),
  ],
  [
    "a ledger of a context that was not announced",
    (m: Message) => (m.type === "ledger" ? { ...m, context: "other" } : m),
  ],
] as const)
  test(`${name}: ERR_PROTOCOL, told to both, nothing of it is kept`, async () => {
    const source = await journalOf("alpha-1", 20);
    const destination = openMemoryJournal({ replica: "beta-2" });
    const [near, far] = memoryPair().ends;
    const following = codeOf(follow(destination, far));
    const { running } = await publish(source, tampered(near, change), () => undefined);
    assert.is(await codeOf(running), "ERR_PROTOCOL");
    assert.is(await following, "ERR_PROTOCOL");
    assert.is(destination.context("guest")?.head.version ?? 0, 0);
  });

for (const [name, change] of [
  ["a block that is not here", (m: Message) => (m.type === "want" ? { ...m, hashes: ["ab".repeat(32)] } : m)],
  [
    "a point of another history",
    (m: Message) =>
      m.type === "acked" && m.point.version > 0 ? { ...m, point: { ...m.point, digest: "ab".repeat(32) } } : m,
  ],
  [
    "a point behind the end",
    (m: Message) => (m.type === "acked" && m.point.version > 0 ? { ...m, point: { ...m.point, version: 9_999 } } : m),
  ],
] as const)
  test(`a follower that speaks of ${name} is told and left`, async () => {
    const source = await journalOf("alpha-1", 20);
    const destination = openMemoryJournal({ replica: "beta-2" });
    const [near, far] = memoryPair().ends;
    const following = codeOf(follow(destination, tampered(far, change)));
    const { running } = await publish(source, near, () => undefined);
    const code = name.startsWith("a point") ? "ERR_FORK" : "ERR_PROTOCOL";
    assert.equal(await Promise.all([codeOf(running), following]), [code, code]);
  });

test("two journals that were one: the fork is found when they meet", async () => {
  const source = await journalOf("alpha-1", 3, () => "c0ffee00c0ffee00");
  const copy = await journalOf("alpha-1", 3, () => "c0ffee00c0ffee00");
  await appendBlock(source, "guest", 10, 1);
  await appendBlock(copy, "guest", 10, 2);
  const destination = openMemoryJournal({ replica: "beta-2" });
  for (const [journal, expected] of [
    [source, "ended"],
    [copy, "ERR_FORK"],
  ] as const) {
    const [near, far] = memoryPair().ends;
    const following = codeOf(follow(destination, far));
    const { peer, running } = await publish(journal, near, (version) => {
      if (version === 40) void peer.close();
    });
    assert.equal(await Promise.all([codeOf(running), following]), [expected, expected]);
  }
  assert.equal(destination.context("guest")?.head, source.context("guest")?.head);
});

test.run();
