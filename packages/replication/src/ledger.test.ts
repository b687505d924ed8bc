import { pack } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import { openMemoryJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { packedFields } from "./fields.ts";
import { type BlockSource, Ledger } from "./ledger.ts";
import { LedgerDocument, newSyncState } from "./ledger-document.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { MANIFEST_VERSIONS, PAGE_MANIFESTS } from "./limits.ts";
import { manifestOf } from "./records.ts";
import { appendBlock, HeadersOnly, journalOf } from "./testing/blocks.ts";

const test = suite("ledger");

function ledgerOf(journal: BlockSource): Ledger {
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

test("an empty ledger learns everything: epochs, and a manifest each 16,384 versions", () => {
  const journal = new HeadersOnly(3 * MANIFEST_VERSIONS + 100, 1_000);
  const copy = new Ledger("guest");
  talk(new LedgerSync(ledgerOf(journal)), new LedgerSync(copy));
  assert.equal(copy.epochs(), journal.context().epochs);
  const page = copy.documents.get("page/1/0")?.records ?? [];
  assert.is(page.length, 3);
  for (const [i, record] of page.entries()) {
    const [block] = journal.blocks("guest", (i + 1) * MANIFEST_VERSIONS, (i + 1) * MANIFEST_VERSIONS);
    const { hash, digest } = manifestOf(packedFields(record, "manifest"));
    assert.equal([hash, digest], [block?.hash, block?.header.digest]);
  }
});

test("what it costs follows the versions, however small the blocks: a block read and a change each 16,384", () => {
  for (const [manifests, rows] of [
    [1, 4_096],
    [10, 4_096],
    [10, 16],
    [600, 4_096],
    [10, 65_536],
  ] as const) {
    const journal = new HeadersOnly(manifests * MANIFEST_VERSIONS, rows);
    const ledger = ledgerOf(journal);
    const all = [...ledger.documents.values()];
    assert.ok(journal.read <= manifests);
    assert.is(ledger.manifestCount, Math.ceil((manifests * MANIFEST_VERSIONS) / Math.max(rows, MANIFEST_VERSIONS)));
    assert.is(
      all.reduce((sum, { revision }) => sum + revision, 0),
      ledger.manifestCount + 1,
      "a change for each manifest, one for the epoch",
    );
    assert.ok(all.every(({ records }) => records.every(({ byteLength }) => byteLength < 300)));
    ledger.advance(journal);
    assert.ok(journal.read <= manifests, "again costs nothing");
  }
});

test("pages roll: no document holds more than a page", () => {
  const ledger = ledgerOf(new HeadersOnly(2 * PAGE_MANIFESTS * MANIFEST_VERSIONS));
  assert.equal([...ledger.documents.keys()].sort(), ["epoch/1", "page/1/0", "page/1/1", "page/1/2"]);
  for (const document of ledger.documents.values()) assert.ok(document.records.length <= PAGE_MANIFESTS);
  const copy = new Ledger("guest");
  talk(new LedgerSync(ledger), new LedgerSync(copy));
  assert.is(copy.manifestCount, 2 * PAGE_MANIFESTS);
});

test("the ledger follows from the journal: made again, or made by another replica, it is equal change by change", async () => {
  const journal = await journalOf("alpha-1", 8);
  const live = ledgerOf(journal);
  for (let i = 0; i < 6; i++) {
    await appendBlock(journal, "guest", MANIFEST_VERSIONS / 2);
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

test("growth travels in one message and its answer", () => {
  const journal = new HeadersOnly(MANIFEST_VERSIONS);
  const source = ledgerOf(journal);
  const copy = new Ledger("guest");
  const [here, there] = [new LedgerSync(source), new LedgerSync(copy)];
  talk(here, there);
  assert.equal(here.news(), []);
  journal.version += 2 * MANIFEST_VERSIONS;
  source.advance(journal);
  assert.ok(talk(here, there) <= 3);
  assert.is(copy.manifestCount, 3);
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
  test(`a fork, because ${name}: both manifests are kept, the version that shows it is named`, () => {
    const here = ledgerOf(new HeadersOnly(4 * MANIFEST_VERSIONS, 4_096, "one"));
    const there = ledgerOf(new HeadersOnly(4 * MANIFEST_VERSIONS, 4_096, "two"));
    if (second !== "alpha-1") {
      // The same blocks, as a replica would list them that took the epoch to be its own.
      const forged = new LedgerDocument();
      for (const record of there.documents.get("page/1/0")?.records ?? []) forged.append("ab".repeat(16), record);
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
        assert.is(error.at.version, MANIFEST_VERSIONS);
        message = error.message;
      }
      assert.match(message, /forks at version 16384 or before.*both are kept/);
    }
    const forks = [...here.forks, ...there.forks];
    assert.ok(forks.length > 0);
    assert.is(forks[0]?.version, MANIFEST_VERSIONS);
    assert.is(new Set(forks[0]?.blocks.map(({ hash }) => hash)).size, 2);
  });

test("what is no ledger is ERR_PROTOCOL and changes nothing", () => {
  const ledger = ledgerOf(new HeadersOnly(MANIFEST_VERSIONS));
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
