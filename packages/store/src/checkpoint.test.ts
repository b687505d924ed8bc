/** Opening from the checkpoint of the catalog: what is read, what is found, what is never believed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ContextInfo, Journal } from "./journal.ts";
import { CHECKPOINT_FRAME_WORK } from "./limits.ts";
import { scan } from "./scan.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";
import { fill, picture, sampleBatch } from "./testing/sample-history.ts";

const FILE = "/j/segments/00000001.log";
const CHECKPOINT = "/j/catalog.checkpoint";
const test = suite("Checkpoint of the catalog");
/** Checkpoints come after so little that journals of a few frames have one. */
const WORK = 16 * CHECKPOINT_FRAME_WORK;
const open = (disk: FakeDisk, readOnly = false) =>
  openSegmentJournal("/j", { host: "test", disk, readOnly, checkpointWork: WORK });

/** So much log that belongs to no context. */
const ballast = (journal: Journal, bytes: number) =>
  journal.recordImport({ id: "i", file: "x".repeat(bytes), format: "", offset: bytes, sha256: "", settled: {} });

/** Two contexts of several blocks in a journal that is long enough for a checkpoint, closed. */
async function closed(): Promise<{ disk: FakeDisk; infos: readonly ContextInfo[] }> {
  const disk = new FakeDisk();
  const journal = await open(disk);
  await fill(journal, "a", [10, 20]);
  await fill(journal, "b", [7, 30]);
  await ballast(journal, 100);
  await fill(journal, "a", [30, 1100]);
  await fill(journal, "b", [40]);
  const infos = journal.contexts();
  await journal.close();
  return { disk, infos };
}

test("a small journal has none; a long one opens with all that it had, and reads little of its log", async () => {
  const small = new FakeDisk();
  const journal = await openSegmentJournal("/j", { host: "test", disk: small });
  await fill(journal, "a", [2000, 2001, 5000]);
  await journal.close();
  assert.is(small.readWhole(CHECKPOINT), null);

  const { disk } = await closed();
  const first = await open(disk);
  await fill(first, "a", [20_000, 20_001]);
  for (let version = 41; version < 60; version++) await fill(first, "b", [version]);
  const infos = first.contexts();
  await first.close();
  const before = disk.bytesRead;
  const again = await open(disk);
  const [read, size] = [disk.bytesRead - before, disk.sizeOf(FILE) ?? 0];
  assert.ok(read < size / 2, `${read} of ${size} bytes`);
  assert.equal(again.contexts(), infos);
  assert.is(again.imports().length, 1);
  assert.is(again.recovered, null);
  await fill(again, "a", [20_010]);
  await fill(again, "c", [5]);
  assert.ok((await again.verify()).ok);
  await again.close();
  disk.remove(CHECKPOINT);
  const whole = await open(disk);
  assert.is(whole.context("a")?.head.version, 20_010);
  assert.is(whole.context("c")?.head.version, 5);
  assert.ok((await whole.verify()).ok);
  await whole.close();
});

test("how much is read at opening does not grow with the log, closed or crashed", async () => {
  const disk = new FakeDisk();
  const journal = await open(disk);
  const read: Record<string, number[]> = { closed: [], crashed: [] };
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) {
      await fill(journal, "a", [round * 40 + i * 10 + 10]);
      await ballast(journal, WORK / 2);
    }
    await new Promise((resolve) => setTimeout(resolve, 20)); // A checkpoint under way comes to its end.
    const crashed = disk.crash(() => 0);
    const reader = await open(crashed);
    assert.is(reader.context("a")?.head.version, round * 40 + 40);
    read["crashed"]?.push(crashed.bytesRead);
    await reader.close();
    const { bytesRead } = crashed;
    await (await open(crashed)).close();
    read["closed"]?.push(crashed.bytesRead - bytesRead);
  }
  await journal.close();
  for (const [how, [first = 0, ...more]] of Object.entries(read))
    for (const bytes of more) assert.ok(bytes < first + WORK, `${how}: ${first}, then ${bytes} bytes`);
});

test("a flipped bit below it is found when it is read, and located; what is before stays readable", async () => {
  const { disk, infos } = await closed();
  const expected = await open(disk.copy());
  const bytes = disk.readWhole(FILE) as Uint8Array;
  const frames = scan(bytes).flatMap((item) => (item.isIntact && item.head.context > 0 ? [item] : []));
  assert.ok(frames.length > 8);
  for (const { offset, head } of frames)
    for (const at of [17, 40, 60 + Math.floor(head.length / 2), 59 + head.length]) {
      const hint = `byte ${at} of the frame at ${offset}`;
      const after = disk.copy();
      const flipped = Buffer.from(bytes);
      flipped[offset + at] = (flipped[offset + at] as number) ^ 4;
      after.put(FILE, flipped);
      const journal = await open(after);
      const infosNow = journal.contexts();
      if (journal.damage.length === 0) assert.equal(infosNow, infos, hint);
      for (const { name, head: end } of infos) {
        const [version, code] = readable(journal, name, end.version);
        const context = journal.context(name);
        if (version === end.version) assert.equal(picture(journal.state(name)), picture(expected.state(name)), hint);
        else {
          assert.is(code, "ERR_DAMAGED", hint);
          assert.is(context?.damagedFrom, version + 1, hint);
          assert.equal(picture(journal.state(name, version)), picture(expected.state(name, version)), hint);
          const append = await journal.append(name, sampleBatch(end.version + 1, end.version + 1)).catch((e) => e);
          assert.is(append.code, "ERR_DAMAGED", hint);
          assert.equal([append.at.file, append.at.offset], ["segments/00000001.log", offset], hint);
        }
      }
      assert.not.ok((await journal.verify()).ok, hint);
      const wasRead = journal.contexts().some(({ damagedFrom }) => damagedFrom !== null);
      await journal.close();
      if (wasRead) {
        const again = await open(after);
        assert.ok(again.damage.length > 0, `${hint}: once read, the next opening looks at every frame`);
        await again.close();
      }
      after.remove(CHECKPOINT);
      const whole = await open(after, true);
      assert.ok(whole.damage.length > 0, `${hint}: without the checkpoint, opening finds it`);
      await whole.close();
    }
  await expected.close();
});

/** The last version that batches lead to, and the code of the failure that ends them. */
function readable(journal: Journal, name: string, end: number): [number, string] {
  let version = 0;
  try {
    for (const batch of journal.batches(name, 1, end)) version = batch.lastVersion;
    return [version, ""];
  } catch (error) {
    return [version, (error as { code: string }).code];
  }
}

test("a segment that is missing, cut or another one is noticed at opening", async () => {
  const disk = new FakeDisk();
  const journal = await open(disk);
  await fill(journal, "a", [10]);
  for (let i = 0; i < 2; i++) await ballast(journal, 33 << 20);
  await fill(journal, "a", [20]);
  await journal.close();
  assert.is(disk.list("/j/segments")?.length, 2);
  const changes: readonly ((after: FakeDisk) => void)[] = [
    (after) => after.remove(FILE),
    (after) => after.put(FILE, (after.readWhole(FILE) as Uint8Array).subarray(0, 5000)),
    (after) => after.put("/j/segments/00000002.log", new Uint8Array(0)),
    (after) => after.remove("/j/segments/00000002.log"),
  ];
  for (const [index, change] of changes.entries()) {
    const after = disk.copy();
    change(after);
    const broken = await open(after);
    assert.ok(broken.damage.length > 0, `change ${index}`);
    assert.not.ok((await broken.verify()).ok, `change ${index}`);
    await broken.close();
    const again = await open(after);
    assert.ok(again.damage.length > 0, `change ${index}: it stays noticed`);
    await again.close();
  }
});

test("a damaged checkpoint, one of another journal or one that was cut costs only time", async () => {
  const { disk, infos } = await closed();
  const saved = disk.readWhole(CHECKPOINT) as Uint8Array;
  for (let at = 0; at < saved.length; at += 61) {
    const after = disk.copy();
    const flipped = Buffer.from(saved);
    flipped[at] = (flipped[at] as number) ^ 16;
    after.put(CHECKPOINT, at % 2 === 0 ? flipped : saved.subarray(0, at));
    const journal = await open(after, true);
    assert.equal(journal.contexts(), infos);
    assert.equal(journal.damage, []);
    assert.equal(
      (await journal.verify()).damage.map(({ file }) => file),
      ["catalog.checkpoint"],
    );
    await journal.close();
  }
  const other = (await closed()).disk.readWhole(CHECKPOINT) as Uint8Array;
  disk.put(CHECKPOINT, other);
  const journal = await open(disk);
  assert.equal(journal.contexts(), infos);
  assert.ok((await journal.verify()).ok);
  await journal.close();
});

test("a disk that fails while it is written, or a crash then, costs only time", async () => {
  const { disk } = await closed();
  for (let at = 1; at <= 10; at++) {
    const after = disk.copy();
    const writer = await open(after);
    await ballast(writer, WORK);
    after.failure = { at: after.operations.length + at, code: "ENOSPC", isLasting: false };
    await writer.close();
    after.failure = null;
    let seed = at;
    const crashed = after.crash(() => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x80000000);
    for (const left of [after.copy(), crashed]) {
      const again = await open(left);
      assert.is(again.context("a")?.head.version, 1100, `operation ${at}`);
      assert.equal(again.damage, []);
      assert.ok((await again.verify()).ok);
      await again.close();
    }
  }
});

test.run();
