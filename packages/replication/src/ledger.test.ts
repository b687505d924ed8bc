import { pack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import { type Journal, openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Ledger } from "./ledger.ts";
import { LedgerDocument, newSyncState } from "./ledger-document.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { PAGE_MANIFESTS } from "./limits.ts";
import { lastVersion } from "./records.ts";
import { appendBlock, journalOf } from "./testing/blocks.ts";

const test = suite("ledger");

function ledgerOf(journal: Journal): Ledger {
  const ledger = new Ledger("guest");
  ledger.advance(journal);
  return ledger;
}

/** Lets two ledgers talk until both are silent; returns the number of messages. */
function talk(a: LedgerSync, b: LedgerSync): number {
  for (let messages = 0; ; ) {
    const [fromA, fromB] = [a.news(), b.news()];
    if (fromA.length + fromB.length === 0) return messages;
    messages += fromA.length + fromB.length;
    assert.ok(messages < 1_000, "the conversation comes to an end");
    for (const news of fromA) b.receive(news);
    for (const news of fromB) a.receive(news);
  }
}

const heads = (ledger: Ledger): unknown =>
  [...ledger.documents].map(([name, document]) => [name, document.heads.join()]).sort();

const codeOf = (work: () => unknown): string => {
  try {
    work();
    return "no error";
  } catch (error) {
    return error instanceof IoasisError ? error.code : String(error);
  }
};

test("an empty ledger learns everything: epochs, and each block with the one before it", async () => {
  const journal = await journalOf("alpha-1", 20);
  const source = ledgerOf(journal);
  const copy = new Ledger("guest");
  talk(new LedgerSync(source), new LedgerSync(copy));
  assert.equal(copy.epochs(), journal.context("guest")?.epochs);
  let head = { version: 0, hash: "" };
  for (const block of journal.blocks("guest")) {
    const manifest = copy.next(head.version, head.hash, 1);
    assert.is(manifest?.hash, block.hash);
    assert.is(manifest?.size, block.bytes().byteLength);
    head = { version: manifest === null ? 0 : lastVersion(manifest), hash: block.hash };
  }
  assert.is(head.version, 200);
  assert.is(copy.next(head.version, head.hash, 1), null);
});

test("the ledger follows from the journal: made again, or made by another replica, it is equal change by change", async () => {
  const journal = await journalOf("alpha-1", 8);
  const live = ledgerOf(journal);
  for (let i = 0; i < 4; i++) {
    await appendBlock(journal, "guest", 10);
    live.advance(journal);
  }
  const info = journal.context("guest");
  assert.ok(info !== null && info.epochs[0] !== undefined);
  const at = info.head;
  await journal.recordEpoch("guest", {
    ...info.epochs[0],
    sealed: { at, successor: "beta-2", migration: "m", since: "2026-11-23T20:00:00Z", isReleased: false },
  });
  live.advance(journal);
  const replica = openMemoryJournal({ replica: "beta-2" });
  await replica.adoptContext({ ...info, epochs: journal.context("guest")?.epochs ?? [] });
  await replica.adopt(
    "guest",
    [...journal.blocks("guest")].map((block) => block.bytes()),
  );
  assert.equal(heads(ledgerOf(journal)), heads(live));
  assert.equal(heads(ledgerOf(replica)), heads(live));
  const messages = talk(new LedgerSync(ledgerOf(replica)), new LedgerSync(live));
  assert.ok(messages <= 3 * live.documents.size, `${messages} messages though both are equal`);
});

test("pages roll: no document holds more than a page", async () => {
  const blocks = PAGE_MANIFESTS + 10;
  const journal = await journalOf("alpha-1", blocks);
  const ledger = ledgerOf(journal);
  assert.equal([...ledger.documents.keys()].sort(), ["epoch/1", "page/1/0", "page/1/1"]);
  assert.is(ledger.documents.get("page/1/0")?.records.length, PAGE_MANIFESTS);
  const copy = new Ledger("guest");
  talk(new LedgerSync(ledger), new LedgerSync(copy));
  assert.is(copy.blockCount, blocks);
});

test("growth travels in one message and its answer", async () => {
  const journal = await journalOf("alpha-1", 3);
  const source = ledgerOf(journal);
  const copy = new Ledger("guest");
  const [here, there] = [new LedgerSync(source), new LedgerSync(copy)];
  talk(here, there);
  assert.equal(here.news(), []);
  await appendBlock(journal, "guest", 10);
  await appendBlock(journal, "guest", 10);
  source.advance(journal);
  assert.ok(talk(here, there) <= 3);
  assert.is(copy.blockCount, 5);
});

test("acknowledgements of several replicas, the newest of each", () => {
  const a = new Ledger("guest");
  const b = new Ledger("guest");
  const digest = "a".repeat(64);
  a.acknowledge("alpha-1", "run1", { version: 10, digest });
  a.acknowledge("alpha-1", "run2", { version: 30, digest });
  b.acknowledge("beta-2", "run1", { version: 20, digest });
  talk(new LedgerSync(a), new LedgerSync(b));
  for (const ledger of [a, b])
    assert.equal(
      [...ledger.acks()].sort().map(([replica, { version }]) => [replica, version]),
      [
        ["alpha-1", 30],
        ["beta-2", 20],
      ],
    );
});

for (const [name, second] of [
  ["a journal was copied and both copies were written", "alpha-1"],
  ["two replicas wrote in one epoch", "gamma-3"],
] as const)
  test(`a fork, because ${name}: both blocks are kept, the first divergent version is named`, async () => {
    const one = await journalOf("alpha-1", 3, () => "c0ffee00c0ffee00");
    const two = await journalOf("alpha-1", 3, () => "c0ffee00c0ffee00");
    await appendBlock(one, "guest", 10, 1);
    await appendBlock(two, "guest", 10, 2);
    const here = ledgerOf(one);
    const there = ledgerOf(two);
    if (second !== "alpha-1") {
      // The same blocks, as a replica would list them that took the epoch to be its own.
      const page = there.documents.get("page/1/0")?.records.at(-1);
      const forged = new LedgerDocument();
      for (const record of here.documents.get("page/1/0")?.records.slice(0, 3) ?? [])
        forged.append("ab".repeat(16), record);
      forged.append("ab".repeat(16), page ?? new Uint8Array());
      let [mine, theirs] = [newSyncState(), newSyncState()];
      const work = () => {
        for (let i = 0; i < 5; i++) {
          const said = forged.nextMessage(theirs);
          theirs = said.state;
          if (said.bytes !== null) mine = here.receive("page/1/0", mine, said.bytes);
          const answered = here.documents.get("page/1/0")?.nextMessage(mine);
          if (answered === undefined) continue;
          mine = answered.state;
          if (answered.bytes !== null) theirs = forged.receive(theirs, answered.bytes);
        }
      };
      assert.is(codeOf(work), "ERR_FORK");
    } else {
      let message = "";
      try {
        talk(new LedgerSync(here), new LedgerSync(there));
      } catch (error) {
        assert.ok(error instanceof IoasisError && error.code === "ERR_FORK");
        assert.is(error.at.version, 31);
        message = error.message;
      }
      assert.match(message, /forks at version 31.*both are kept/);
    }
    const forks = [...here.forks, ...there.forks];
    assert.ok(forks.length > 0);
    assert.is(forks[0]?.version, 31);
    assert.is(new Set(forks[0]?.blocks.map(({ hash }) => hash)).size, 2);
  });

test("what is no ledger is ERR_PROTOCOL and changes nothing", async () => {
  const journal = await journalOf("alpha-1", 3);
  const ledger = ledgerOf(journal);
  const before = heads(ledger);
  const state = newSyncState();
  for (const [document, bytes] of [
    ["page/1/0", Uint8Array.of(1, 2, 3)],
    ["page/1/0", new Uint8Array(100)],
    ["elsewhere", Uint8Array.of(0x42)],
    ["page/1", Uint8Array.of(0x42)],
    ["epoch/9999999999", Uint8Array.of(0x42)],
  ] as const)
    assert.is(
      codeOf(() => ledger.receive(document, state, bytes)),
      "ERR_PROTOCOL",
      document,
    );
  assert.equal(heads(ledger), before);
});

test("records that make no sense are ERR_PROTOCOL", () => {
  for (const [name, record] of [
    ["page/1/0", pack({ hash: "short" })],
    ["page/1/0", Uint8Array.of(0xc1)],
    ["epoch/1", pack({ kind: "crowned" })],
    ["epoch/1", pack({ kind: "claimed", owner: 7 })],
  ] as const) {
    const forged = new LedgerDocument();
    forged.append("ab".repeat(16), record);
    const ledger = new Ledger("guest");
    const work = () => {
      let [mine, theirs] = [newSyncState(), newSyncState()];
      for (let i = 0; i < 5; i++) {
        const said = forged.nextMessage(theirs);
        theirs = said.state;
        if (said.bytes !== null) mine = ledger.receive(name, mine, said.bytes);
        const answered = ledger.documents.get(name)?.nextMessage(mine);
        if (answered === undefined) continue;
        mine = answered.state;
        if (answered.bytes !== null) theirs = forged.receive(theirs, answered.bytes);
      }
    };
    assert.is(codeOf(work), "ERR_PROTOCOL", name);
    assert.equal(ledger.documents.get(name)?.records, [], "nothing of it was kept");
  }
});

test.run();
