import { ContextState, IoasisError } from "@ioasis/core";
import { announcementOf, encodeMessage, type Message, parseMessage } from "@ioasis/replication";
import { type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { append, fill } from "./testing/history.ts";
import { TwoHosts, wireAt } from "./testing/two-hosts.ts";
import { release, takeover } from "./verbs.ts";

const test = suite("cutover");

const failureOf = (work: Promise<unknown>): Promise<IoasisError> =>
  work.then(
    () => assert.unreachable("it should have failed") as never,
    (error: unknown) => {
      assert.instance(error, IoasisError);
      return error as IoasisError;
    },
  );

function assertMoved(hosts: TwoHosts, epoch: number): void {
  const here = hosts.source.context("guest");
  const there = hosts.destination.context("guest");
  assert.equal(there?.head, here?.head);
  assert.equal(there?.epochs, here?.epochs);
  assert.is(there?.epochs.at(-1)?.epoch, epoch);
  assert.equal(hosts.writers("guest"), [hosts.destination.replica]);
}

test("20,000 events, the source still appending: equal digests, the next epoch is the destination's", async () => {
  const hosts = new TwoHosts();
  const { source, destination } = hosts;
  await fill(source, "guest", 10_000);
  const result = await hosts.migrate("guest", {
    feed: async ({ advance }) => {
      for (let i = 0; i < 40; i++) {
        await append(source, "guest", 250);
        advance();
        if (i % 8 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  });
  assert.is(result.reason, null);
  assert.is(result.outcome, "completed");
  assert.is(result.phase, "completed");
  assert.is(result.versions, 20_000);
  assert.is(result.epoch, 2);
  assert.is(result.digest, destination.context("guest")?.head.digest);
  assert.ok(result.pauseMs !== null && result.pauseMs > 0);
  assert.ok(result.precopySeconds > 0 && result.bytes > 0);
  assertMoved(hosts, 2);
  const error = await failureOf(append(source, "guest", 1));
  assert.is(error.code, "ERR_NOT_OWNER");
  assert.match(error.message, "epoch 2 is owned by beta-00000002");
  assert.is((await append(destination, "guest", 10)).version, 20_010);
});

test("somebody appends without any pause: sealed all the same, and what was accepted before the seal is moved", async () => {
  const hosts = new TwoHosts();
  const { source, destination } = hosts;
  await fill(source, "guest", 5_000);
  let acknowledged = 0;
  const appending = (async () => {
    for (;;) {
      acknowledged = (await append(source, "guest", 50)).version;
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const refused = failureOf(appending);
  const result = await hosts.migrate("guest", { downtimeLimitMs: 60_000 });
  assert.is(result.reason, null);
  assert.is((await refused).code, "ERR_NOT_OWNER");
  assert.is(result.versions, acknowledged);
  assert.ok(acknowledged > 5_000);
  assert.is(destination.context("guest")?.head.digest, result.digest);
  assertMoved(hosts, 2);
});

for (const count of [1_000, 40_000])
  test(`after ${count} events, in the pause: one message each way, one record here, one commit there`, async () => {
    const work: string[] = [];
    const noting = (name: string, journal: Journal): Journal =>
      new Proxy(journal, {
        get(target, key: keyof Journal) {
          const value = target[key];
          if (typeof value !== "function") return value;
          return (...given: unknown[]) => {
            if (["append", "adopt", "recordEpoch", "live", "state", "batches"].includes(key))
              work.push(`${name} ${key}`);
            return Reflect.apply(value, target, given);
          };
        },
      });
    const hosts = new TwoHosts(
      noting("source", openMemoryJournal({ replica: "alpha-00000001" })),
      noting("destination", openMemoryJournal({ replica: "beta-00000002" })),
    );
    await fill(hosts.source, "guest", count, 4_000);
    const wire = ({ type }: Message, from: string) => {
      work.push(`${from} says ${type}`);
      return "deliver" as const;
    };
    assert.is((await hosts.migrate("guest", { wire })).outcome, "completed");
    const claimed = work.indexOf("destination says claimed");
    const sealed = work.lastIndexOf("source recordEpoch", claimed);
    assert.equal(work.slice(sealed, claimed + 1), [
      "source recordEpoch",
      "source says seal",
      "destination adopt",
      "destination says claimed",
    ]);
  });

test("the destination's state differs: given up before the fence, and both digests are told", async () => {
  const destination = openMemoryJournal({ replica: "beta-00000002" });
  const empty = new ContextState();
  const hosts = new TwoHosts(
    undefined,
    new Proxy(destination, {
      get(target, key: keyof Journal) {
        if (key === "live") return () => empty;
        const value = target[key];
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  );
  await fill(hosts.source, "guest", 1_000);
  const result = await hosts.migrate("guest");
  assert.is(result.outcome, "rolled-back");
  assert.match(
    result.reason ?? "",
    /state at version 1000 differs: [0-9a-f]{64} there, [0-9a-f]{64} here \(ERR_FORK\)/,
  );
  assert.equal(hosts.writers("guest"), [hosts.source.replica]);
});

test("a context that the feed makes is migrated too", async () => {
  const hosts = new TwoHosts();
  const feed = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await fill(hosts.source, "guest", 1_000, 100);
  };
  assert.is((await hosts.migrate("guest", { feed })).outcome, "completed");
  assert.is(hosts.destination.context("guest")?.head.version, 1_000);
  assertMoved(hosts, 2);
});

test("an empty context is migrated", async () => {
  const hosts = new TwoHosts();
  await hosts.source.create("guest", "iommufd");
  assert.is((await hosts.migrate("guest")).outcome, "completed");
  assertMoved(hosts, 2);
});

const BEFORE_THE_SEAL: readonly (readonly ["source" | "destination", Message["type"]])[] = [
  ["source", "hello"],
  ["source", "offer"],
  ["destination", "accept"],
  ["source", "ledger"],
  ["source", "blocks"],
  ["destination", "acked"],
  ["source", "prepare"],
  ["destination", "prepared"],
];

for (const [from, type] of BEFORE_THE_SEAL)
  test(`the connection is lost when the ${from} sends ${type}: the source stays the owner, another try completes`, async () => {
    const hosts = new TwoHosts();
    await fill(hosts.source, "guest", 3_000, 100);
    const lost = await hosts.migrate("guest", { wire: wireAt(from, type, "cut") });
    assert.is(lost.outcome, "rolled-back");
    assert.match(lost.reason ?? "", "ERR_NETWORK");
    assert.is(lost.pauseMs, null);
    assert.equal(hosts.writers("guest"), [hosts.source.replica]);
    await append(hosts.source, "guest", 100);
    const again = await hosts.migrate("guest");
    assert.is(again.reason, null);
    assert.is(again.outcome, "completed");
    assert.is(again.versions, 3_100);
    assertMoved(hosts, 2);
  });

for (const [from, type, writersInDoubt] of [
  ["source", "seal", []],
  ["destination", "claimed", ["beta-00000002"]],
] as const)
  test(`the connection is lost when the ${from} sends ${type}: in doubt, another try completes`, async () => {
    const hosts = new TwoHosts();
    await fill(hosts.source, "guest", 1_000);
    const lost = await hosts.migrate("guest", { wire: wireAt(from, type, "cut") });
    assert.match(lost.reason ?? "", "ERR_NETWORK");
    assert.is(lost.outcome, "in-doubt");
    assert.is(lost.phase, "fence");
    assert.equal(hosts.writers("guest"), writersInDoubt);
    assert.is((await failureOf(append(hosts.source, "guest", 1))).code, "ERR_NOT_OWNER");
    if (writersInDoubt.length > 0) await append(hosts.destination, "guest", 50);
    const again = await hosts.migrate("guest");
    assert.is(again.outcome, "completed");
    assert.is(hosts.source.context("guest")?.epochs.length, 2);
    assert.equal(hosts.source.context("guest")?.epochs, hosts.destination.context("guest")?.epochs);
    assert.equal(hosts.writers("guest"), ["beta-00000002"]);
    // A third try changes nothing.
    const third = await hosts.migrate("guest");
    assert.is(third.outcome, "refused");
    assert.match(third.reason ?? "", "epoch 2 is owned by beta-00000002");
  });

test("the destination does not answer the seal: asked to let go it does, and the source goes on in the next epoch", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  const back = await hosts.migrate("guest", { wire: wireAt("source", "seal", "drop"), answerMsMax: 400 });
  assert.is(back.outcome, "rolled-back");
  assert.is(back.epoch, 2);
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
  assert.is(hosts.destination.context("guest")?.epochs[0]?.sealed?.isReleased, true);
  await append(hosts.source, "guest", 100);
  const again = await hosts.migrate("guest");
  assert.is(again.reason, null);
  assert.is(again.epoch, 3);
  assertMoved(hosts, 3);
});

test("a claim that was not heard wins over the wish to cancel", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  const result = await hosts.migrate("guest", { wire: wireAt("destination", "claimed", "drop"), answerMsMax: 400 });
  assert.is(result.outcome, "completed");
  assertMoved(hosts, 2);
});

test("in doubt, then released by the destination's operator: the next try rolls back, the one after moves it", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  // The seal reaches the destination's journal by the ledger, though not by the message.
  const wire = wireAt("source", "seal", "drop");
  const lost = hosts.migrate("guest", {
    wire: (m, from) => (m.type === "cancel" ? "cut" : wire(m, from)),
    answerMsMax: 400,
  });
  assert.is((await lost).outcome, "in-doubt");
  assert.is((await failureOf(release(hosts.source, "guest"))).code, "ERR_NOT_OWNER");
  await release(hosts.destination, "guest");
  assert.equal(hosts.writers("guest"), []);
  const back = await hosts.migrate("guest");
  assert.is(back.outcome, "rolled-back");
  assert.match(back.reason ?? "", "gave up its claim");
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
  assert.is((await hosts.migrate("guest")).outcome, "completed");
  assertMoved(hosts, 3);
});

test("in doubt, then taken over: the source goes on two epochs later, the reason is kept", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  assert.is((await hosts.migrate("guest", { wire: wireAt("source", "seal", "cut") })).outcome, "in-doubt");
  assert.is((await failureOf(takeover(hosts.source, "guest", " "))).code, "ERR_USAGE");
  assert.is((await failureOf(takeover(hosts.destination, "guest", "no"))).code, "ERR_NOT_OWNER");
  const epoch = await takeover(hosts.source, "guest", "QEMU cancelled the migration");
  assert.is(epoch.epoch, 3);
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
  assert.is((await append(hosts.source, "guest", 10)).version, 1_010);
  // The destination never claimed; it may still be given the context, in an epoch of its own.
  const result = await hosts.migrate("guest");
  assert.is(result.reason, null);
  assert.is(result.epoch, 4);
  assertMoved(hosts, 4);
  assert.is(hosts.destination.context("guest")?.epochs[1]?.takeoverReason, "QEMU cancelled the migration");
});

test("taken over although the destination had claimed: two branches, and neither side follows the other", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  assert.is((await hosts.migrate("guest", { wire: wireAt("destination", "claimed", "cut") })).outcome, "in-doubt");
  await takeover(hosts.source, "guest", "the destination is lost");
  await append(hosts.source, "guest", 10);
  await append(hosts.destination, "guest", 20);
  const [here, there] = [hosts.source.context("guest"), hosts.destination.context("guest")];
  for (const pair of [hosts, new TwoHosts(hosts.destination, hosts.source)]) {
    const result = await pair.migrate("guest");
    assert.is(result.outcome, "refused");
    assert.match(result.reason ?? "", "ERR_OWNER_HERE");
  }
  assert.equal(hosts.source.context("guest"), here);
  assert.equal(hosts.destination.context("guest"), there);
});

test("while one replica brings a context in, another may not", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  let finish: () => void = () => undefined;
  const first = hosts.migrate("guest", { feed: () => new Promise<void>((resolve) => (finish = resolve)) });
  while (hosts.destination.context("guest")?.head.version !== 1_000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  const context = announcementOf(hosts.source, "guest");
  assert.ok(context !== null);
  const other = hosts.connect();
  await other.send(encodeMessage({ type: "hello", protocol: 2, replica: "gamma-00000003" }));
  await other.send(encodeMessage({ type: "offer", migration: "m2", context }));
  const answers: Message[] = [];
  for (let i = 0; i < 2; i++) answers.push(parseMessage((await other.receive()) ?? new Uint8Array()));
  const refused = answers.at(-1);
  assert.ok(refused?.type === "refused" && refused.code === "ERR_LOCKED");
  await other.close();
  finish();
  assert.is((await first).outcome, "completed");
});

test("interrupted: before the fence the source keeps the context", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  const controller = new AbortController();
  const feed = ({ signal }: { readonly signal: AbortSignal }) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  setTimeout(() => controller.abort(), 30);
  const result = await hosts.migrate("guest", { feed, signal: controller.signal });
  assert.is(result.outcome, "rolled-back");
  assert.is(result.phase, "precopy");
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
});

test("the pause does not fit the limit: given up before the fence", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  const result = await hosts.migrate("guest", { downtimeLimitMs: 0 });
  assert.is(result.outcome, "rolled-back");
  assert.match(result.reason ?? "", "ERR_LIMIT");
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
});

test("another context of that name, one that is owned there: refused, nothing is changed", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 100);
  await fill(hosts.destination, "guest", 50);
  const before = hosts.destination.context("guest");
  const result = await hosts.migrate("guest");
  assert.is(result.outcome, "refused");
  assert.match(result.reason ?? "", "another context is called");
  assert.equal(hosts.destination.context("guest"), before);
  assert.equal(hosts.source.context("guest")?.epochs.length, 1);
});

test("a second migration while one runs is refused", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  let finish: () => void = () => undefined;
  const feed = () => new Promise<void>((resolve) => (finish = resolve));
  const first = hosts.migrate("guest", { feed });
  const error = await failureOf(hosts.migrate("guest"));
  assert.is(error.code, "ERR_LOCKED");
  finish();
  assert.is((await first).outcome, "completed");
});

test("there and back again: each becomes the other's destination", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 1_000);
  assert.is((await hosts.migrate("guest")).outcome, "completed");
  await append(hosts.destination, "guest", 300);
  const mirrored = new TwoHosts(hosts.destination, hosts.source);
  const back = await mirrored.migrate("guest");
  assert.is(back.reason, null);
  assert.is(back.epoch, 3);
  assertMoved(mirrored, 3);
  assert.is((await append(hosts.source, "guest", 1)).version, 1_301);
});

test("a feed that fails is told as it is, and the source keeps the context", async () => {
  const hosts = new TwoHosts();
  await fill(hosts.source, "guest", 100);
  const feed = async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    throw new IoasisError("ERR_INPUT", "the recording cannot be read");
  };
  assert.is((await failureOf(hosts.migrate("guest", { feed }))).code, "ERR_INPUT");
  assert.equal(hosts.writers("guest"), ["alpha-00000001"]);
});

test("garbage, another protocol, a message out of place: told, closed, nothing changed", async () => {
  for (const [frames, code] of [
    [[Uint8Array.of(0xc1, 1, 2, 3)], "ERR_PROTOCOL"],
    [[encodeMessage({ type: "hello", protocol: 99, replica: "gamma-00000003" })], "ERR_PROTOCOL"],
    [[encodeMessage({ type: "hello", protocol: 2, replica: "beta-00000002" })], "ERR_FORK"],
    [
      [
        encodeMessage({ type: "hello", protocol: 2, replica: "gamma-00000003" }),
        encodeMessage({ type: "acked", context: "guest", point: { version: 1, digest: "0".repeat(64) } }),
      ],
      "ERR_PROTOCOL",
    ],
  ] as const) {
    const hosts = new TwoHosts();
    await fill(hosts.destination, "guest", 10);
    const connection = hosts.connect();
    const faults: unknown[] = [];
    for (const frame of frames) await connection.send(frame).catch(() => undefined);
    for (let frame = await connection.receive(); frame !== null; frame = await connection.receive()) faults.push(frame);
    await hosts.idle;
    assert.is(hosts.events.at(-1)?.kind, "ended");
    const last = parseMessage(faults.at(-1) as Uint8Array);
    assert.is(last.type, "fault", `${code}: ${hosts.events.at(-1)?.detail}`);
    assert.is(last.type === "fault" && last.code, code);
    assert.is(hosts.destination.context("guest")?.head.version, 10);
  }
});

test.run();
