/** What a crash, a cut or a flipped bit does to a journal on disk. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Epoch, Journal } from "./journal.ts";
import { GROWTH_BYTES } from "./limits.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";
import { fill, picture, sampleBatch } from "./testing/sample-history.ts";
import { writtenBytes } from "./testing/written-bytes.ts";

const FILE = "/j/segments/00000001.log";
const test = suite("Segment journal: recovery");

const open = (disk: FakeDisk, readOnly = false) => openSegmentJournal("/j", { host: "test", disk, readOnly });

/** A journal of two contexts; after each step what was acknowledged, and how far the file was written. */
async function sample() {
  const disk = new FakeDisk();
  const journal = await open(disk);
  const steps: { readonly size: number; readonly heads: Readonly<Record<string, number>> }[] = [];
  const note = () => {
    const heads = Object.fromEntries(journal.contexts().map(({ name, head }) => [name, head.version]));
    steps.push({ size: writtenBytes(disk, FILE).length, heads });
  };
  note();
  await journal.create("a", "iommufd");
  note();
  await fill(journal, "a", [4]);
  note();
  await journal.create("b", "iommufd");
  note();
  await fill(journal, "b", [9]);
  note();
  await fill(journal, "a", [30]);
  note();
  await journal.recordImport({ id: "i", file: "f", format: "qemu", offset: 1, sha256: "", settled: {} });
  note();
  await fill(journal, "b", [12]);
  note();
  const head = journal.context("b")?.head as Epoch["from"];
  const sealed = { at: head, successor: "x", migration: "m", since: "", isReleased: false };
  await journal.recordEpoch("b", { ...(journal.context("b")?.epochs[0] as Epoch), sealed });
  note();
  return { disk, journal, steps };
}

function heads(journal: Journal): Record<string, number> {
  return Object.fromEntries(journal.contexts().map(({ name, head }) => [name, head.version]));
}

test("cut at every byte: what is left is a prefix with everything acknowledged before the cut", async () => {
  const { disk, steps } = await sample();
  const bytes = writtenBytes(disk, FILE);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const after = disk.copy();
    after.put(FILE, bytes.subarray(0, cut));
    const whole = steps.filter(({ size }) => size <= cut).at(-1);
    const reader = await open(after, true);
    assert.equal(heads(reader), whole?.heads, `read at ${cut}`);
    assert.is(reader.recovered, null);
    assert.is(after.readWhole(FILE)?.length, cut);
    const journal = await open(after);
    assert.equal(heads(journal), whole?.heads, `cut at ${cut}`);
    const torn = cut - (whole?.size ?? 0);
    const recovered = { file: "segments/00000001.log", offset: whole?.size, bytes: torn };
    assert.equal(journal.recovered, torn === 0 ? null : recovered);
    assert.equal(journal.damage, []);
    assert.ok((await journal.verify()).ok);
    if (cut % 16 === 0 && journal.context("a") !== null) {
      await fill(journal, "a", [40, 41]);
      await journal.close();
      const again = await open(after);
      assert.is(again.recovered, null);
      assert.equal(picture(again.state("a")), picture(await expected(41)));
      await again.close();
    } else await journal.close();
  }
});

async function expected(version: number): ReturnType<typeof stateAt> {
  return stateAt(version);
}

async function stateAt(version: number) {
  const journal = await open(new FakeDisk());
  await fill(journal, "a", [version]);
  const state = journal.state("a");
  await journal.close();
  return state;
}

test("torn in a file that had grown: the zeros behind what was written are no part of it", async () => {
  const { disk, steps } = await sample();
  const bytes = writtenBytes(disk, FILE);
  for (let cut = 0; cut <= bytes.length; cut += cut % 16 === 0 ? 1 : 5) {
    const after = disk.copy();
    const grown = Buffer.alloc(GROWTH_BYTES);
    grown.set(bytes.subarray(0, cut));
    after.put(FILE, grown);
    const whole = steps.filter(({ size }) => size <= cut).at(-1);
    assert.equal(heads(await open(after, true)), whole?.heads, `read at ${cut}`);
    const journal = await open(after);
    assert.equal(heads(journal), whole?.heads, `cut at ${cut}`);
    let torn = cut;
    while (torn > (whole?.size ?? 0) && bytes[torn - 1] === 0) torn--;
    const offset = whole?.size ?? 0;
    const recovered = { file: "segments/00000001.log", offset, bytes: torn - offset };
    assert.equal(journal.recovered, torn === offset ? null : recovered, `cut at ${cut}`);
    assert.ok((await journal.verify()).ok);
    if (journal.context("a") !== null) await fill(journal, "a", [40]);
    await journal.close();
    assert.is(after.readWhole(FILE)?.length, writtenBytes(after, FILE).length, "a clean close leaves no zeros");
    const again = await open(after);
    assert.is(again.recovered, null);
    assert.equal(again.damage, []);
    await again.close();
  }
});

test("zeros in the place of what was acknowledged are damage", async () => {
  const { disk, steps } = await sample();
  const bytes = Buffer.from(disk.readWhole(FILE) as Uint8Array);
  assert.is(bytes.length, GROWTH_BYTES);
  // A frame behind them proves that they were acknowledged.
  bytes.fill(0, steps[4]?.size, steps[5]?.size);
  const after = disk.copy();
  after.put(FILE, bytes);
  const journal = await open(after);
  assert.is(journal.context("a")?.damagedFrom, 5);
  assert.is(journal.recovered, null);
  await journal.close();
});

test("a tail of zeros, or of noise, is a torn write", async () => {
  const { disk, steps } = await sample();
  const bytes = writtenBytes(disk, FILE);
  for (const tail of [Buffer.alloc(5000), Buffer.alloc(3), Buffer.alloc(777, "\xa9IOF")]) {
    const after = disk.copy();
    after.put(FILE, Buffer.concat([bytes, tail]));
    const journal = await open(after);
    assert.equal(heads(journal), steps.at(-1)?.heads);
    assert.is(journal.recovered?.bytes, tail.length);
    assert.ok((await journal.verify()).ok);
    await journal.close();
  }
});

test("an empty segment file is nothing", async () => {
  const { disk } = await sample();
  disk.put(FILE, new Uint8Array(0));
  const journal = await open(disk.copy());
  assert.equal(journal.contexts(), []);
  await fill(journal, "a", [3]);
  await journal.close();
});

test("a flipped bit anywhere is found, located and never believed", async () => {
  const { disk, journal: whole, steps } = await sample();
  await whole.close();
  const bytes = disk.readWhole(FILE) as Uint8Array;
  const acknowledged = steps.at(-1)?.size ?? 0;
  const states = { a: picture(await stateAt(30)), b: picture(await stateAt(12)) };
  for (let bit = 0; bit < bytes.length * 8; bit += bit % 480 < 96 ? 1 : 5) {
    const at = bit >> 3;
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] as number) ^ (1 << (bit & 7));
    const after = disk.copy();
    after.put(FILE, flipped);
    const journal = await open(after);
    const { ok, damage } = await journal.verify();
    if (at >= acknowledged) {
      assert.ok(ok && journal.recovered !== null, `bit ${bit}: the mark of the clean close is dropped`);
      assert.equal(heads(journal), { a: 30, b: 12 });
    } else {
      assert.not.ok(ok, `bit ${bit}`);
      assert.is(journal.recovered, null, `bit ${bit}: nothing acknowledged is cut off`);
      assert.ok(
        damage.some(({ file, offset }) => file === "segments/00000001.log" && offset <= at && at < offset + 2000),
      );
      assert.is(after.readWhole(FILE)?.length, bytes.length);
    }
    for (const { name, head, damagedFrom } of journal.contexts()) {
      if (damagedFrom === null) assert.equal(picture(journal.state(name)), states[name as "a" | "b"], `bit ${bit}`);
      else {
        assert.is(damagedFrom, head.version + 1);
        await refusesDamaged(journal, name);
      }
    }
    await journal.close();
  }
});

async function refusesDamaged(journal: Journal, name: string): Promise<void> {
  const version = journal.context(name)?.head.version ?? 0;
  assert.is(journal.state(name, version).version, version);
  const isDamaged = (error: { code?: string }) => error.code === "ERR_DAMAGED";
  assert.throws(() => journal.state(name), isDamaged);
  assert.throws(() => journal.live(name), isDamaged);
  assert.throws(() => journal.digest(name, version + 1), isDamaged);
  assert.throws(() => [...journal.batches(name)], isDamaged);
  const error = await journal.append(name, sampleBatch(version + 1, version + 1)).catch((reason) => reason);
  assert.is(error.code, "ERR_DAMAGED");
}

test("damage to one context leaves the others alone", async () => {
  const { disk, journal: whole, steps } = await sample();
  await whole.close();
  const bytes = Buffer.from(disk.readWhole(FILE) as Uint8Array);
  const inSecondBlockOfA = (steps[4]?.size ?? 0) + 300;
  bytes[inSecondBlockOfA] = (bytes[inSecondBlockOfA] as number) ^ 1;
  disk.put(FILE, bytes);
  const journal = await open(disk);
  assert.equal(heads(journal), { a: 4, b: 12 });
  assert.is(journal.context("a")?.damagedFrom, 5);
  assert.is(journal.context("b")?.damagedFrom, null);
  const message = `context "a" is damaged from version 5 on (segments/00000001.log, offset ${steps[4]?.size}: the bytes of a frame differ from their hash). `;
  assert.throws(
    () => journal.state("a"),
    (error: Error) => error.message.startsWith(message),
  );
  const report = await journal.verify();
  const what = "the bytes of a frame differ from their hash";
  const damage = [{ file: "segments/00000001.log", offset: steps[4]?.size, version: 5, context: "a", what }];
  assert.equal(report.damage, damage);
  assert.equal(Object.keys(report.digests), ["b"]);
  await journal.close();
});

test("bits that rot while the journal is open are found when read", async () => {
  const { disk, journal } = await sample();
  const bytes = Buffer.from(disk.readWhole(FILE) as Uint8Array);
  for (let at = 100; at < bytes.length; at += 100) bytes[at] = (bytes[at] as number) ^ 4;
  disk.rot(FILE, bytes);
  assert.throws(
    () => journal.state("a", 20),
    (error: { code?: string }) => error.code === "ERR_DAMAGED",
  );
  const error = await journal.append("a", sampleBatch(31, 31)).catch((reason) => reason);
  assert.is(error.code, "ERR_DAMAGED");
  assert.not.ok((await journal.verify()).ok);
  await journal.close();
});

test("a missing segment is damage to all that it may have held", async () => {
  const { disk, journal } = await sample();
  await journal.close();
  const after = disk.copy();
  after.put("/j/segments/00000003.log", new Uint8Array(0));
  const broken = await open(after);
  assert.equal(
    broken.damage.map(({ file, what }) => [file, what]),
    [["segments/00000002.log", "the file is missing"]],
  );
  assert.equal(
    broken.contexts().map(({ damagedFrom }) => damagedFrom),
    [31, 13],
  );
  await broken.close();
});

test("a log that ends before its snapshot has lost something", async () => {
  const { disk, journal, steps } = await sample();
  await journal.snapshot("a");
  await journal.close();
  disk.put(FILE, (disk.readWhole(FILE) as Uint8Array).subarray(0, steps[4]?.size));
  const cut = await open(disk);
  assert.is(cut.context("a")?.damagedFrom, 5);
  assert.match(cut.damage[0]?.what ?? "", /ends at version 4, but a snapshot shows that it went on to version 30/);
  assert.not.ok((await cut.verify()).ok);
  await cut.close();
});

test("a damaged or missing snapshot costs only time", async () => {
  const { disk, journal } = await sample();
  await journal.snapshot("a");
  await fill(journal, "a", [35]);
  await journal.snapshot("a");
  await journal.close();
  const names = disk.list("/j/snapshots") ?? [];
  assert.is(names.length, 2);
  for (const name of names) {
    const path = `/j/snapshots/${name}`;
    const bytes = Buffer.from(disk.readWhole(path) as Uint8Array);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 8;
    disk.put(path, bytes);
  }
  const again = await open(disk);
  assert.equal(picture(again.state("a")), picture(await stateAt(35)));
  const report = await again.verify();
  assert.equal(
    report.damage.map(({ file }) => file),
    names.map((name) => `snapshots/${name}`),
  );
  for (const name of names) disk.remove(`/j/snapshots/${name}`);
  assert.equal(picture(again.state("a")), picture(await stateAt(35)));
  await again.close();
});

test.run();
