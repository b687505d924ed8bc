/** A live context opens from its newest saved model that can be believed; otherwise its history is work. */
import { decodeModel } from "@ioasis/codec";
import { contextCreated, hex, type JsonObject, loadModel } from "@ioasis/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createContext, Engine } from "./engine.ts";
import { draft, encodeHead, FRAME_HEAD_BYTES, FRAME_MODEL } from "./frame.ts";
import type { Journal } from "./journal.ts";
import { SNAPSHOT_BLOCK_WORK, SNAPSHOT_CLOSE_WORK, SNAPSHOT_WORK, SNAPSHOTS_KEPT_MAX } from "./limits.ts";
import { openMemoryJournal } from "./memory-journal.ts";
import { openModel } from "./open-model.ts";
import { openSegmentJournal } from "./segment-journal.ts";
import { FakeDisk } from "./testing/fake-disk.ts";

const ALLOC: JsonObject = { command: "AllocIoas" };
const CREATED = contextCreated({
  profile: "iommufd",
  kernel: "6.12",
  policy: null,
  layout: null,
  hosts: [],
  machine: null,
});
const PAGES = 64;
const GROUP = 1_024;

/** Maps and unmaps the same few pages again and again. */
function churn(from: number, count: number): JsonObject[] {
  return Array.from({ length: count }, (_, i) => {
    const [page, isMap] = [Math.floor((from + i) / 2) % PAGES, (from + i) % 2 === 0];
    const at = { ioas: "ioas0", iova: hex(BigInt(page) * 0x1000n), length: "0x1000" };
    return isMap ? { command: "MapIova", prot: "rw", userVa: "0x10000", ...at } : { command: "UnmapIova", ...at };
  });
}

async function grow(engine: Engine, count: number, group = GROUP): Promise<void> {
  const { version } = engine.model.state;
  for (let done = 0; done < count; done += group)
    await engine.execute(churn(version + done, Math.min(group, count - done)));
}

/** A journal that tells which versions are asked of it. */
function watched(journal: Journal): { readonly journal: Journal; readonly asked: string[] } {
  const asked: string[] = [];
  const batches: Journal["batches"] = (name, from, to) => {
    asked.push(`${from ?? 1} to ${to ?? "the end"}`);
    return journal.batches(name, from, to);
  };
  const wrapper = new Proxy(journal, {
    get: (target, field) => {
      const value: unknown = field === "batches" ? batches : Reflect.get(target, field);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { journal: wrapper, asked };
}

async function made(disk: FakeDisk, events: number): Promise<void> {
  const journal = await open(disk);
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  await engine.execute([ALLOC]);
  await grow(engine, events - engine.model.state.version);
  await engine.close();
  await journal.close();
}

const open = (disk: FakeDisk) => openSegmentJournal("/j", { host: "test", disk });
const modelFiles = (disk: FakeDisk) => (disk.list("/j/snapshots") ?? []).filter((name) => name.endsWith(".model"));

const test = suite("opening a live context");

test("from the newest saved model: nothing before it is read but what the context was made with", async () => {
  const disk = new FakeDisk();
  await made(disk, SNAPSHOT_CLOSE_WORK + 50);
  assert.is(modelFiles(disk).length, 1);
  const again = await open(disk);
  const engine = Engine.open(again, "vm");
  await grow(engine, 10);
  const { journal, asked } = watched(again);
  const { model } = openModel(journal, "vm");
  assert.equal(asked, ["1 to 1", `${SNAPSHOT_CLOSE_WORK + 51} to the end`]);
  assert.equal(model.save(), loadModel(again.batches("vm")).save());
  const [next] = await Engine.open(again, "vm").execute([{ ...ALLOC }]);
  assert.is(next?.version, SNAPSHOT_CLOSE_WORK + 61);
  await again.close();
});

test("an engine saves as it goes, and keeps the newest few", async () => {
  const journal = openMemoryJournal();
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  await engine.execute([ALLOC]);
  const saved = (): number[] => [...journal.models("vm")].map(({ state }) => state.version);
  // Commands that come alone count more, since each is a block.
  const commands = Math.ceil(SNAPSHOT_WORK / (SNAPSHOT_BLOCK_WORK + 1));
  await grow(engine, commands / 2, 1);
  assert.equal(saved(), []);
  await grow(engine, commands * SNAPSHOTS_KEPT_MAX + commands, 1);
  await engine.close();
  const versions = saved();
  assert.is(versions.length, SNAPSHOTS_KEPT_MAX);
  assert.ok((versions[0] as number) > engine.model.state.version - commands, "the newest is near the head");
  await journal.close();
});

test("a damaged, an older, a newer and a foreign one are thrown away, and the history is work", async () => {
  const disk = new FakeDisk();
  await made(disk, SNAPSHOT_CLOSE_WORK + 50);
  const [name = ""] = modelFiles(disk);
  const file = `/j/snapshots/${name}`;
  const intact = disk.readWhole(file) as Uint8Array;
  const payload = intact.subarray(FRAME_HEAD_BYTES);
  const framed = (bytes: Uint8Array): Uint8Array =>
    Buffer.concat([encodeHead(draft(FRAME_MODEL, 0, 1, bytes), 0), bytes]);
  const with1 = (bytes: Uint8Array, at: number, change: number): Uint8Array => {
    const copy = Uint8Array.from(bytes);
    copy[at] = (copy[at] as number) + change;
    return copy;
  };
  assert.is(decodeModel(payload).model.state.version, SNAPSHOT_CLOSE_WORK + 50);
  const cases: readonly (readonly [what: string, bytes: Uint8Array, isDamage: boolean])[] = [
    ["a bit of the frame", with1(intact, 300, 1), true],
    ["cut short", intact.subarray(0, intact.length - 9), true],
    ["empty", new Uint8Array(0), true],
    ["an older format", framed(with1(payload, 4, -1)), false],
    ["a newer format", framed(with1(payload, 4, 1)), false],
    ["the digest of another history", framed(with1(payload, 5, 1)), false],
    ["the content, under a frame that fits", framed(with1(payload, 200, 1)), false],
  ];
  for (const [what, bytes, isDamage] of cases) {
    disk.put(file, bytes);
    const journal = await open(disk);
    const report = await journal.verify();
    assert.is(report.damage.length, isDamage ? 1 : 0, what);
    if (isDamage) assert.is(report.damage[0]?.file, `snapshots/${name}`, what);
    assert.equal([...journal.models("vm")], [], what);
    const { model, work } = openModel(journal, "vm");
    assert.is(model.state.version, SNAPSHOT_CLOSE_WORK + 50, what);
    assert.is(work, model.state.version, what);
    assert.is((await Engine.open(journal, "vm").execute([]))[0], undefined);
    await journal.close();
  }
  disk.put(file, intact);
  const journal = await open(disk);
  assert.is([...journal.models("vm")].length, 1);
  await journal.close();
});

test("one that is ahead of the history is not used", async () => {
  const disk = new FakeDisk();
  await made(disk, SNAPSHOT_CLOSE_WORK + 50);
  const [name = ""] = modelFiles(disk);
  disk.put(`/j/snapshots/${name.replace(/-\d+/, "-999999")}`, disk.readWhole(`/j/snapshots/${name}`) as Uint8Array);
  const journal = await open(disk);
  assert.equal(
    [...journal.models("vm")].map(({ state }) => state.version),
    [SNAPSHOT_CLOSE_WORK + 50],
  );
  await journal.close();
});

test("a disk that takes no saved model stops no command", async () => {
  const disk = new FakeDisk();
  const journal = await open(disk);
  await createContext(journal, "vm", CREATED);
  const engine = Engine.open(journal, "vm");
  await engine.execute([ALLOC]);
  await grow(engine, SNAPSHOT_CLOSE_WORK + 50);
  disk.failure = { at: disk.operations.length + 1, code: "ENOSPC", isLasting: false };
  await engine.close();
  assert.equal(modelFiles(disk), []);
  disk.failure = null;
  await grow(engine, 10);
  await journal.close();
});

test.run();
