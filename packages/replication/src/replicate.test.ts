import { IoasisError } from "@ioasis/core";
import { type Epoch, type Journal, openMemoryJournal, type Point } from "@ioasis/store";
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
  // A feed may do so at any time; what the follower holds is not known yet.
  publication.advance();
  const running = peer
    .run((message) => {
      if (message.type === "ledger" || message.type === "acked" || message.type === "compared")
        publication.handle(message);
      else {
        answers.push(message);
        // What it fails with is what `run` ends with.
        if (message.type === "following") publication.start(message.held).catch(() => undefined);
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

const messageOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );

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

const epochs = (m: Message, change: (epoch: Epoch) => Epoch): Message =>
  m.type === "epochs" ? { ...m, epochs: m.epochs.map(change) } : m;

for (const [name, code, change] of [
  ["a block with a flipped bit", "ERR_BLOCK", (m: Message) => (m.type === "blocks" ? flipped(m) : m)],
  [
    "a last block with a flipped bit",
    "ERR_PROTOCOL",
    (m: Message) => (m.type === "blocks" ? flipped({ ...m, blocks: m.blocks.slice(0, 1) }) : m),
  ],
  [
    "blocks in another order",
    "ERR_BLOCK",
    (m: Message) =>
      m.type === "blocks" ? { ...m, blocks: [...m.blocks.slice(0, -1).toReversed(), ...m.blocks.slice(-1)] } : m,
  ],
  [
    "blocks that come twice in one frame",
    "ERR_BLOCK",
    (m: Message) => (m.type === "blocks" ? { ...m, blocks: [...m.blocks, ...m.blocks] } : m),
  ],
  [
    "an epoch that begins elsewhere",
    "ERR_PROTOCOL",
    (m: Message) => epochs(m, (epoch) => ({ ...epoch, epoch: 2, from: { ...epoch.from, version: 9 } })),
  ],
  [
    "an epoch that begins with another history",
    "ERR_FORK",
    (m: Message) => epochs(m, (epoch) => ({ ...epoch, epoch: 2, from: { version: 0, digest: "ab".repeat(32) } })),
  ],
  ["an epoch of another owner", "ERR_FORK", (m: Message) => epochs(m, (epoch) => ({ ...epoch, owner: "gamma-3" }))],
  [
    "an epoch that is said to be the follower's own",
    "ERR_FORK",
    (m: Message) => epochs(m, (epoch) => ({ ...epoch, epoch: 2, owner: "beta-2" })),
  ],
  [
    "a ledger with a flipped byte",
    "ERR_PROTOCOL",
    (m: Message) => (m.type === "ledger" ? { ...m, bytes: m.bytes.map((b, i) => (i === 3 ? b ^ 255 : b)) } : m),
  ],
  [
    "a ledger of a context that was not announced",
    "ERR_PROTOCOL",
    (m: Message) => (m.type === "ledger" ? { ...m, context: "other" } : m),
  ],
] as const)
  test(`${name}: ${code}, told to both, nothing of it is kept`, async () => {
    const source = await journalOf("alpha-1", 20);
    const destination = openMemoryJournal({ replica: "beta-2" });
    const [near, far] = memoryPair().ends;
    const following = codeOf(follow(destination, far));
    const { running } = await publish(source, tampered(near, change), () => undefined);
    assert.is(await codeOf(running), code);
    assert.is(await following, code);
    const { head, epochs } = destination.context("guest") ?? { head: { version: 0 }, epochs: [] };
    assert.ok(head.version === 0 || name.includes("ledger"));
    assert.equal(epochs, source.context("guest")?.epochs);
  });

for (const [name, change] of [
  ["another history", (point: Point) => ({ ...point, digest: "ab".repeat(32) })],
  ["a version that was not sent", (point: Point) => ({ ...point, version: 9_999 })],
] as const)
  test(`a follower that acknowledges ${name} is told and left`, async () => {
    const source = await journalOf("alpha-1", 20);
    const destination = openMemoryJournal({ replica: "beta-2" });
    const [near, far] = memoryPair().ends;
    const lying = tampered(far, (m) => (m.type === "acked" ? { ...m, point: change(m.point) } : m));
    const following = codeOf(follow(destination, lying));
    const { running } = await publish(source, near, () => undefined);
    assert.equal(await Promise.all([codeOf(running), following]), ["ERR_FORK", "ERR_FORK"]);
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
    if (expected === "ERR_FORK") assert.match(await messageOf(running), /forks at version 31\..*both are kept/);
  }
  assert.equal(destination.context("guest")?.head, source.context("guest")?.head);
});

test.run();
