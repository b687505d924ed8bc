/** What every journal must do. An adapter's whole test file is one call of this. */
import { blockHash, Digest, decodeBlock, EMPTY_DIGEST } from "@ioasis/codec";
import { applyBatch, ContextState } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Epoch, ImportMark, Journal } from "./journal.ts";
import { fill, picture, sampleBatch } from "./testing/sample-history.ts";

const OTHER = "elsewhere-00000001";

/** `open` makes a new empty journal. */
export function journalContract(name: string, open: () => Promise<Journal>): void {
  const test = suite<{ journal: Journal }>(`Journal: ${name}`);
  test.before.each(async (context) => {
    context.journal = await open();
  });
  test.after.each(({ journal }) => journal.close());

  test("makes a context that is empty and its own", async ({ journal }) => {
    const info = await journal.create("guest", "iommufd");
    const from = { version: 0, digest: EMPTY_DIGEST };
    const epoch = { epoch: 1, owner: journal.replica, from, sealed: null, takeoverReason: null };
    assert.match(info.id, /^[0-9a-f]{32}$/);
    assert.equal(info, { ...info, name: "guest", profile: "iommufd", head: from, epochs: [epoch], imports: [] });
    assert.equal(journal.context("guest"), info);
    assert.equal(journal.contexts(), [info]);
    assert.is(journal.context("other"), null);
    await refused(journal.create("guest", "iommufd"), "ERR_CONTEXT_EXISTS");
    await refused(journal.create("", "iommufd"), "ERR_INPUT");
    await refused(journal.append("other", sampleBatch(1, 1)), "ERR_NO_CONTEXT");
  });

  test("two creations of one name at once: one goes through", async ({ journal }) => {
    const results = await Promise.allSettled([journal.create("a", "iommufd"), journal.create("a", "iommufd")]);
    assert.equal(
      results.map(({ status }) => status),
      ["fulfilled", "rejected"],
    );
  });

  test("appends blocks in a chain, each with the digest up to it", async ({ journal }) => {
    const { head, id } = await fill(journal, "guest", [1, 20, 2500]);
    const blocks = [...journal.blocks("guest")];
    assert.equal(
      blocks.map(({ header }) => [header.firstVersion, header.count]),
      [
        [1, 1],
        [2, 19],
        [21, 2480],
      ],
    );
    let previous = "";
    const digest = new Digest();
    for (const { header, hash, bytes } of blocks) {
      const { batch } = decodeBlock(bytes());
      digest.feed(batch);
      assert.equal(header, {
        contextId: id,
        epoch: 1,
        firstVersion: batch.firstVersion,
        count: batch.length,
        previous,
        digest: digest.value(),
        mark: null,
      });
      assert.is(hash, blockHash(bytes()));
      previous = hash;
    }
    assert.equal(head, { version: 2500, digest: digest.value() });
    assert.equal([...journal.blocks("guest", 2, 20)].length, 1);
    assert.equal(
      [...journal.batches("guest", 20, 21)].map(({ firstVersion }) => firstVersion),
      [2, 21],
    );
    assert.equal([...journal.batches("guest", 2501)], []);
  });

  test("the digest does not depend on how the events were cut into appends", async ({ journal }) => {
    const one = await fill(journal, "one", [3000]);
    const many = await fill(journal, "many", [1, 2, 700, 1023, 1024, 1025, 2048, 2999, 3000]);
    assert.is(one.head.digest, many.head.digest);
    const whole = sampleBatch(1, 3000);
    for (const version of [0, 1, 2, 699, 1023, 1024, 1025, 1500, 2047, 2048, 2049, 2999, 3000]) {
      const digest = new Digest();
      digest.feed(whole, 0, version);
      assert.is(journal.digest("one", version), digest.value(), `one at ${version}`);
      assert.is(journal.digest("many", version), digest.value(), `many at ${version}`);
    }
    throws(() => journal.digest("one", 3001), "ERR_VERSION");
    throws(() => journal.digest("one", -1), "ERR_VERSION");
  });

  test("gives the state at every version, and the live one", async ({ journal }) => {
    await fill(journal, "guest", [10, 100, 120]);
    const whole = sampleBatch(1, 120);
    const expected = new ContextState();
    assert.equal(picture(journal.state("guest", 0)), picture(expected));
    for (let version = 1; version <= 120; version++) {
      applyBatch(expected, whole, version - 1, version);
      assert.equal(picture(journal.state("guest", version)), picture(expected), `at ${version}`);
    }
    assert.equal(picture(journal.live("guest")), picture(expected));
    assert.equal(picture(journal.state("guest")), picture(expected));
    const own = journal.state("guest");
    applyBatch(own, sampleBatch(121, 130));
    assert.is(journal.live("guest").version, 120);
    await journal.append("guest", sampleBatch(121, 140));
    assert.is(journal.live("guest").version, 140);
    throws(() => journal.state("guest", 141), "ERR_VERSION");
    throws(() => journal.state("nobody"), "ERR_NO_CONTEXT");
  });

  test("takes the state of one who folded the events, and folds on from there", async ({ journal }) => {
    await fill(journal, "guest", [100]);
    const folded = journal.state("guest");
    const batch = sampleBatch(101, 900);
    applyBatch(folded, batch);
    const given = journal.append("guest", batch, { state: folded.snapshot() });
    assert.is(journal.live("guest").version, journal.context("guest")?.head.version, "not before it is durable");
    await given;
    applyBatch(folded, sampleBatch(901, 950));
    assert.is(journal.live("guest").version, 900);
    await journal.append("guest", sampleBatch(901, 950));
    assert.equal(picture(journal.live("guest")), picture(folded));
    await journal.snapshot("guest");
    assert.equal(picture(journal.state("guest", 950)), picture(folded));
  });

  test("a snapshot changes no answer", async ({ journal }) => {
    await fill(journal, "guest", [100, 1100]);
    await journal.snapshot("guest");
    await fill(journal, "guest", [1300]);
    const expected = new ContextState();
    applyBatch(expected, sampleBatch(1, 1300), 0, 1200);
    assert.equal(picture(journal.state("guest", 1200)), picture(expected));
    assert.is(journal.state("guest", 1050).version, 1050);
  });

  test("refuses an append that does not follow the head, and changes nothing", async ({ journal }) => {
    const { head } = await fill(journal, "guest", [10]);
    await refused(journal.append("guest", sampleBatch(10, 12)), "ERR_STALE");
    await refused(journal.append("guest", sampleBatch(12, 13)), "ERR_STALE");
    await refused(journal.append("guest", sampleBatch(11, 11, 2)), "ERR_NOT_OWNER");
    assert.equal(journal.context("guest")?.head, head);
    assert.is((await journal.append("guest", sampleBatch(11, 11))).version, 11);
  });

  test("of two appends at one version the first goes through", async ({ journal }) => {
    await journal.create("guest", "iommufd");
    const results = await Promise.allSettled([1, 2].map((last) => journal.append("guest", sampleBatch(1, last))));
    assert.equal(
      results.map(({ status }) => status),
      ["fulfilled", "rejected"],
    );
    assert.is(journal.context("guest")?.head.version, 1);
  });

  test("takes a hundred appends at once, in order", async ({ journal }) => {
    await journal.create("guest", "iommufd");
    const appends = Array.from({ length: 100 }, (_, i) => journal.append("guest", sampleBatch(3 * i + 1, 3 * i + 3)));
    assert.equal(
      (await Promise.all(appends)).map(({ version }) => version),
      appends.map((_, i) => 3 * i + 3),
    );
    const digest = new Digest();
    digest.feed(sampleBatch(1, 300));
    assert.is(journal.context("guest")?.head.digest, digest.value());
    assert.ok((await journal.verify()).ok);
  });

  test("an append that is too large leaves the context as it was", async ({ journal }) => {
    const { head } = await fill(journal, "guest", [30]);
    const broken = sampleBatch(31, 40);
    broken.colds.push({ type: "BookmarkSet", name: "x".repeat(17 << 20) });
    broken.type[0] = broken.type[19] ?? 29;
    broken.type[0] = 29;
    broken.extra[0] = broken.colds.length - 1;
    await refused(journal.append("guest", broken), "ERR_LIMIT");
    assert.equal(journal.context("guest")?.head, head);
    await fill(journal, "guest", [31, 60]);
    assert.ok((await journal.verify()).ok);
  });

  test("keeps the newest mark of an import, and finished imports", async ({ journal }) => {
    await journal.create("guest", "iommufd");
    const mark = (offset: number): ImportMark => ({
      id: "i1",
      key: "",
      file: "log.txt",
      format: "qemu",
      offset,
      sha256: "ab",
      facts: offset,
    });
    await journal.append("guest", sampleBatch(1, 5), { mark: mark(100) });
    await journal.append("guest", sampleBatch(6, 9), { mark: mark(200) });
    await journal.append("guest", sampleBatch(10, 12), { mark: { ...mark(50), id: "i2" } });
    assert.equal(journal.context("guest")?.imports, [mark(200), { ...mark(50), id: "i2" }]);
    const finished = {
      id: "i1",
      file: "log.txt",
      format: "qemu",
      offset: 200,
      sha256: "ab",
      settled: {},
    };
    await journal.recordImport(finished);
    await journal.recordImport({ ...finished, offset: 300 });
    assert.equal(journal.imports(), [finished, { ...finished, offset: 300 }]);
  });

  test("a seal ends the appends of its epoch for good", async ({ journal }) => {
    const { head, epochs } = await fill(journal, "guest", [10]);
    const [first] = epochs as readonly [Epoch];
    const seal = { at: head, successor: OTHER, migration: "m1", since: "2026-11-23T00:00:00Z", isReleased: false };
    await refused(
      journal.recordEpoch("guest", { ...first, sealed: { ...seal, at: { ...head, version: 9 } } }),
      "ERR_STALE",
    );
    const late = journal.append("guest", sampleBatch(11, 12));
    await refused(journal.recordEpoch("guest", { ...first, sealed: seal }), "ERR_STALE");
    const sealed = { ...first, sealed: { ...seal, at: await late } };
    const recording = journal.recordEpoch("guest", sealed);
    await refused(journal.append("guest", sampleBatch(13, 13)), "ERR_NOT_OWNER");
    await recording;
    const error = await refused(journal.append("guest", sampleBatch(13, 13)), "ERR_NOT_OWNER");
    assert.match(error.message, /sealed at version 12 by migration m1: elsewhere-00000001 is to own the next epoch/);
    assert.equal(journal.context("guest")?.epochs, [sealed]);
    await refused(journal.recordEpoch("guest", first), "ERR_PROTOCOL");
    await refused(
      journal.recordEpoch("guest", { ...sealed, sealed: { ...sealed.sealed, successor: "me" } }),
      "ERR_PROTOCOL",
    );
    await journal.recordEpoch("guest", sealed);
    await journal.recordEpoch("guest", { ...sealed, sealed: { ...sealed.sealed, isReleased: true } });
    await refused(journal.recordEpoch("guest", sealed), "ERR_PROTOCOL");
    const next = { epoch: 2, owner: journal.replica, from: sealed.sealed.at, sealed: null, takeoverReason: null };
    await refused(journal.recordEpoch("guest", { ...next, epoch: 3 }), "ERR_PROTOCOL");
    await refused(journal.recordEpoch("guest", { ...next, from: head }), "ERR_STALE");
    await journal.recordEpoch("guest", next);
    await refused(journal.append("guest", sampleBatch(13, 14)), "ERR_NOT_OWNER");
    assert.is((await journal.append("guest", sampleBatch(13, 14, 2))).version, 14);
  });

  test("a takeover may leave out the number of the claim that it overrules", async ({ journal }) => {
    const { head, epochs } = await fill(journal, "guest", [10]);
    const seal = { at: head, successor: OTHER, migration: "m1", since: "", isReleased: false };
    await journal.recordEpoch("guest", { ...(epochs[0] as Epoch), sealed: seal });
    await journal.recordEpoch("guest", {
      epoch: 3,
      owner: journal.replica,
      from: head,
      sealed: null,
      takeoverReason: "gone",
    });
    assert.is((await journal.append("guest", sampleBatch(11, 12, 3))).version, 12);
  });

  test("adopts the blocks of another replica, bytes unchanged", async ({ journal }) => {
    const { source, blocks, info } = await elsewhere(open);
    await journal.adoptContext(info);
    await journal.adoptContext(info);
    assert.equal(await journal.adopt("guest", blocks.slice(0, 2)), {
      version: 1500,
      digest: source.digest("guest", 1500),
    });
    assert.equal(await journal.adopt("guest", blocks), info.head);
    assert.equal(await journal.adopt("guest", blocks), info.head);
    assert.equal(journal.context("guest"), info);
    assert.equal(
      [...journal.blocks("guest")].map((block) => Buffer.from(block.bytes())),
      blocks.map((bytes) => Buffer.from(bytes)),
    );
    assert.equal(picture(journal.live("guest")), picture(source.live("guest")));
    await refused(journal.append("guest", sampleBatch(2001, 2001)), "ERR_NOT_OWNER");
    assert.ok((await journal.verify()).ok);
    await source.close();
  });

  test("refuses blocks that are damaged, out of order or of another history", async ({ journal }) => {
    const { source, blocks, info } = await elsewhere(open);
    const [first, second, third] = blocks as [Uint8Array, Uint8Array, Uint8Array];
    await journal.adoptContext(info);
    await refused(journal.adopt("guest", [second]), "ERR_BLOCK");
    await refused(journal.adopt("guest", [first, third]), "ERR_BLOCK");
    assert.is(journal.context("guest")?.head.version, 0);
    await journal.adopt("guest", [first]);
    for (let at = 0; at < second.length; at += 7) {
      const flipped = Uint8Array.from(second);
      flipped[at] = (flipped[at] as number) ^ 0x10;
      // A bit that changes no event (in the mark, in deflate's padding) is caught by the block's hash alone.
      if (!isSameHistory(flipped, first, second)) await refused(journal.adopt("guest", [flipped]), "ERR_BLOCK");
    }
    assert.is(journal.context("guest")?.head.version, 10);
    const { blocks: foreign } = await elsewhere(open);
    await refused(journal.adopt("guest", foreign.slice(1)), "ERR_BLOCK");
    assert.equal(await journal.adopt("guest", [second, third]), info.head);
    await source.close();
  });

  test("adoptions may overlap in time; epochs are recorded behind the blocks, all of it or nothing", async ({
    journal,
  }) => {
    const { source, blocks, info } = await elsewhere(open);
    await journal.adoptContext(info);
    const [first, second, third] = blocks as [Uint8Array, Uint8Array, Uint8Array];
    const under = journal.adopt("guest", [first]);
    assert.equal(journal.accepted("guest").version, 10);
    const at = { version: 1500, digest: source.digest("guest", 1500) };
    const sealed = { at, successor: journal.replica, migration: "m1", since: "", isReleased: false };
    const seal = { ...(info.epochs[0] as Epoch), sealed };
    const claim = { epoch: 2, owner: journal.replica, from: at, sealed: null, takeoverReason: null };
    await refused(journal.adopt("guest", [second], [seal, { ...claim, from: info.head }]), "ERR_STALE");
    assert.equal(journal.accepted("guest").epochs, info.epochs);
    assert.equal(await journal.adopt("guest", [second], [seal, claim]), at);
    await under;
    assert.equal(journal.context("guest")?.epochs, [seal, claim]);
    assert.equal(journal.context("guest")?.head, at);
    assert.equal(await journal.adopt("guest", [first, second], [seal]), at, "known already");
    await refused(journal.adopt("guest", [third]), "ERR_OWNER_HERE");
    assert.equal((await journal.verify()).ok, true);
    await source.close();
  });

  test("what it owns does not come from elsewhere", async ({ journal }) => {
    const { source, blocks, info } = await elsewhere(open);
    const mine = info.epochs.map((epoch) => ({ ...epoch, owner: journal.replica }));
    await refused(journal.adoptContext({ ...info, epochs: mine }), "ERR_OWNER_HERE");
    await journal.adoptContext(info);
    await journal.adopt("guest", blocks.slice(0, 2));
    const at = { version: 1500, digest: source.digest("guest", 1500) };
    const seal = { at, successor: journal.replica, migration: "m1", since: "", isReleased: false };
    await journal.recordEpoch("guest", { ...(info.epochs[0] as Epoch), sealed: seal });
    await refused(journal.adopt("guest", blocks.slice(2)), "ERR_BLOCK");
    await journal.recordEpoch("guest", {
      epoch: 2,
      owner: journal.replica,
      from: at,
      sealed: null,
      takeoverReason: null,
    });
    await refused(journal.adopt("guest", blocks.slice(2)), "ERR_OWNER_HERE");
    assert.is((await journal.append("guest", sampleBatch(1501, 1501, 2))).version, 1501);
    const error = await refused(
      source.recordEpoch("guest", { ...(info.epochs[0] as Epoch), sealed: seal }),
      "ERR_STALE",
    );
    assert.match(error.message, /holds version 2000/);
    await source.close();
  });

  test("verify counts what is there", async ({ journal }) => {
    const a = await fill(journal, "a", [10, 1030]);
    const b = await fill(journal, "b", [5]);
    const digests = { a: a.head.digest, b: b.head.digest };
    assert.equal(await journal.verify(), { ok: true, blocks: 3, events: 1035, digests, damage: [] });
  });

  test.run();
}

/** Whether the bytes decode to a block that says of the events what `second` does. */
function isSameHistory(bytes: Uint8Array, first: Uint8Array, second: Uint8Array): boolean {
  try {
    const { header, batch } = decodeBlock(bytes);
    const digest = new Digest();
    digest.feed(decodeBlock(first).batch);
    digest.feed(batch);
    const { mark: _, ...chain } = header;
    const { mark: __, ...expected } = decodeBlock(second).header;
    return digest.value() === header.digest && JSON.stringify(chain) === JSON.stringify(expected);
  } catch {
    return false;
  }
}

async function elsewhere(open: () => Promise<Journal>) {
  const source = await open();
  const info = await fill(source, "guest", [10, 1500, 2000]);
  return { source, info, blocks: [...source.blocks("guest")].map((block) => block.bytes()) };
}

async function refused(promise: Promise<unknown>, code: string, hint = ""): Promise<Error> {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  );
  assert.is(error?.code, code, `${hint} ${error}`);
  return error;
}

function throws(call: () => unknown, code: string): void {
  assert.throws(call, (error: { code?: string }) => error.code === code);
}
