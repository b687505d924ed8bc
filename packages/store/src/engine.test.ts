/** Commands on a context in a journal: what is answered is durable, and nothing else is believed. */
import { spaceDigest } from "@ioasis/codec";
import { contextCreated, hex, type IoasisError, JsonError, type JsonObject, loadModel } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createContext, Engine } from "./engine.ts";
import { openMemoryJournal } from "./memory-journal.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";

const CREATED = contextCreated({
  profile: "iommufd",
  kernel: "6.12",
  policy: null,
  layout: null,
  hosts: [],
  machine: null,
});
const ALLOC: JsonObject = { command: "AllocIoas" };
const map = (page: number): JsonObject => ({
  command: "MapIova",
  ioas: "ioas0",
  prot: "rw",
  userVa: "0x10000",
  iova: hex(BigInt(page) * 0x1000n),
  length: "0x1000",
});

const test = suite("engine");
const codeOf = (promise: Promise<unknown>): Promise<string | null> =>
  promise.then(
    () => null,
    (error: IoasisError) => error.code,
  );

test("outcomes name their versions; refused calls are events, questions none; a second engine goes on", async () => {
  const journal = await openMemoryJournal();
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  const query = { command: "QueryIovaRanges", ioas: "ioas0", slots: 1 };
  const executed = await engine.execute([ALLOC, map(1), map(1), query]);
  assert.equal(
    executed.map(({ version, outcome }) => [version, outcome.errno, outcome.events.map(({ type }) => type)]),
    [
      [2, null, ["IoasAllocated"]],
      [3, null, ["IovaMapped"]],
      [4, "EEXIST", ["MapRefused"]],
      [4, null, []],
    ],
  );
  assert.is(journal.context("vm")?.head.version, 4);
  const next = Engine.open(journal, "vm");
  assert.is((await next.execute([map(2)]))[0]?.version, 5);
  // The first one is behind now: what it decides is refused, and nothing of it is believed.
  assert.is(await codeOf(engine.execute([map(3)])), "ERR_STALE");
  assert.throws(() => engine.submit(map(4)), /another append came first/);
  await journal.close();
});

test("many groups decided ahead of the disk end in the state that the journal tells", async () => {
  const journal = await openMemoryJournal();
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  const groups = [engine.execute([ALLOC])];
  for (let group = 0; group < 20; group++)
    groups.push(engine.execute(Array.from({ length: 100 }, (_, i) => map(group * 100 + i))));
  const versions = (await Promise.all(groups)).flat().map(({ version }) => version);
  assert.equal(
    versions,
    Array.from({ length: 2_001 }, (_, i) => i + 2),
  );
  const loaded = loadModel(journal.batches("vm"));
  assert.is(spaceDigest(loaded.state), spaceDigest(engine.model.state));
  assert.is(spaceDigest(journal.live("vm")), spaceDigest(engine.model.state));
  await journal.close();
});

test("what is no command changes nothing", async () => {
  const journal = await openMemoryJournal();
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  const wrong: readonly JsonObject[] = [
    {},
    { command: "Nope" },
    { command: "MapIova", ioas: "ioas0" },
    { ...map(1), iova: "0x1ffffffffffffffff" },
    { ...map(1), colour: 1 },
    { ...map(1), flags: 1 },
    { command: "DestroyObject", id: -1 },
  ];
  for (const json of wrong)
    assert.throws(
      () => engine.submit(json),
      (error: unknown) => error instanceof JsonError,
      JSON.stringify(json),
    );
  assert.equal(await engine.commit(), []);
  assert.is(journal.context("vm")?.head.version, 1);
  await journal.close();
});

test("a context that was imported, or is another's, takes no commands", async () => {
  const journal = await openMemoryJournal();
  await journal.create("imported", "iommufd");
  assert.throws(() => Engine.open(journal, "imported"), /not made for commands/);
  // A crash came between the context and its first event: creating it again finishes it.
  await createContext(journal, "imported", CREATED);
  assert.is(await codeOf(createContext(journal, "imported", CREATED)), "ERR_CONTEXT_EXISTS");
  const head = journal.context("imported")?.head;
  assert.ok(head !== undefined);
  const engine = Engine.open(journal, "imported");
  const [epoch] = journal.context("imported")?.epochs ?? [];
  assert.ok(epoch !== undefined);
  const sealed = { at: head, successor: "other-00000000", migration: "m", since: "", isReleased: false };
  await journal.recordEpoch("imported", { ...epoch, sealed });
  assert.is(await codeOf(engine.execute([ALLOC])), "ERR_NOT_OWNER");
  assert.throws(() => Engine.open(journal, "imported"), /not owned here/);
  await journal.close();
});

test("a full disk: the failure is told, and what was acknowledged is there", async () => {
  const disk = new FakeDisk();
  const journal = await openSegmentJournal("/j", { host: "test", disk });
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  await engine.execute([ALLOC]);
  disk.failure = { at: disk.operations.length + 1, code: "ENOSPC", isLasting: true };
  assert.is(await codeOf(engine.execute([map(1)])), "ERR_DISK");
  assert.throws(
    () => engine.submit(map(2)),
    (error: IoasisError) => error.code === "ERR_DISK",
  );
  await journal.close();
  disk.failure = null;
  const again = await openSegmentJournal("/j", { host: "test", disk });
  assert.ok((again.context("vm")?.head.version ?? 0) >= 2);
  const [executed] = await Engine.open(again, "vm").execute([map(3)]);
  assert.is(executed?.outcome.errno, null);
  await again.close();
});

test.run();
