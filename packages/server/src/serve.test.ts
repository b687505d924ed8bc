import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { spaceDigest } from "@ioasis/codec";
import { EventBatch, type IoasEvent, IoasisError, type Iova } from "@ioasis/core";
import { migrate } from "@ioasis/migration";
import { connectWebSocket } from "@ioasis/replication";
import { type Journal, openMemoryJournal, openSegmentJournal } from "@ioasis/store";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { contextLine } from "./context-json.ts";
import { serve } from "./serve.ts";

const test = suite("serve");
const LOCAL = { host: "127.0.0.1", port: 0 };

const folders: string[] = [];
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), "ioasis-serve-"));
  folders.push(made);
  return made;
}

function eventOf(version: number): IoasEvent {
  if (version === 1) return { type: "IoasAllocated", ioas: 0, kernelId: 1 };
  const iova = (BigInt(version) * 0x1000n) as Iova;
  return { type: "IovaMapped", ioas: 0, iova, last: (iova + 0xfffn) as Iova, prot: "rw", source: { kind: "unknown" } };
}

async function append(journal: Journal, count: number): Promise<void> {
  const info = journal.context("guest") ?? (await journal.create("guest", "iommufd"));
  const batch = new EventBatch(info.epochs.at(-1)?.epoch ?? 1, info.head.version + 1, count);
  for (let i = 0; i < count; i++)
    batch.push(eventOf(batch.firstVersion + i), { stamp: null, actor: null, errno: null, line: 1 });
  await journal.append("guest", batch);
}

const get = async (
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; headers: Headers }> => {
  const answer = await fetch(url.replace("ws:", "http:"), init);
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
};

test("two journals on disk, over a real socket: precopy while the source appends, cutover, and the destination goes on", async () => {
  const [here, there] = [folder(), folder()];
  const source = await openSegmentJournal(here, { host: "alpha" });
  const destination = await openSegmentJournal(there, { host: "beta" });
  const lines: string[] = [];
  const service = await serve({ journal: destination, listen: LOCAL, onEvent: (line) => lines.push(line) });
  for (let i = 0; i < 10; i++) await append(source, 1_000);
  const result = await migrate({
    journal: source,
    context: "guest",
    connection: await connectWebSocket(service.url),
    feed: async ({ advance }) => {
      for (let i = 0; i < 20; i++) {
        await append(source, 500);
        advance();
      }
    },
    downtimeLimitMs: 5_000,
  });
  assert.is(result.reason, null);
  assert.is(result.outcome, "completed");
  assert.is(result.versions, 20_000);
  const [before, after] = [contextLine(source, "guest"), contextLine(destination, "guest")];
  assert.is(after.digest, before.digest);
  assert.is(after.spaceDigest, before.spaceDigest);
  assert.is(result.spaceDigest, spaceDigest(destination.state("guest")));
  assert.equal([before.state, before.owner, before.epoch], ["fenced", destination.replica, 2]);
  assert.equal([after.state, after.owner, after.epoch, after.since], ["owned", destination.replica, 2, null]);
  assert.ok(before.since !== null);
  assert.ok(lines.some((line) => line.includes('claimed "guest": epoch 2 at version 20000')));
  await append(destination, 100);
  await service.close();
  await source.close();
  await destination.close();

  const again = await openSegmentJournal(there, { host: "beta" });
  assert.is(again.context("guest")?.head.version, 20_100);
  assert.ok((await again.verify()).ok);
  assert.is(contextLine(again, "guest").state, "owned");
  await again.close();
  const fenced = await openSegmentJournal(here, { host: "alpha" });
  const error = await append(fenced, 1).catch((caught: unknown) => caught);
  assert.ok(error instanceof IoasisError && error.code === "ERR_NOT_OWNER");
  await fenced.close();
});

test("the destination goes down during precopy and comes back: nothing is lost, another try completes", async () => {
  const there = folder();
  const source = openMemoryJournal({ replica: "alpha-1" });
  let destination = await openSegmentJournal(there, { host: "beta" });
  let service = await serve({ journal: destination, listen: LOCAL });
  await append(source, 1_000);
  const lost = await migrate({
    journal: source,
    context: "guest",
    connection: await connectWebSocket(service.url),
    feed: async () => {
      await append(source, 100);
      await service.close();
      await append(source, 100);
    },
  });
  assert.is(lost.outcome, "rolled-back");
  assert.is(contextLine(source, "guest").state, "owned");
  await destination.close();
  destination = await openSegmentJournal(there, { host: "beta" });
  service = await serve({ journal: destination, listen: LOCAL });
  const result = await migrate({ journal: source, context: "guest", connection: await connectWebSocket(service.url) });
  assert.is(result.outcome, "completed");
  assert.is(destination.context("guest")?.head.version, 1_200);
  await service.close();
  await destination.close();
});

test("plain HTTP: health, contexts, metrics, and clear refusals", async () => {
  const journal = openMemoryJournal({ replica: "beta-2" });
  await append(journal, 10);
  const service = await serve({ journal, listen: LOCAL });
  assert.equal(JSON.parse((await get(`${service.url}/healthz`)).text), { ok: true, replica: "beta-2" });
  assert.equal(JSON.parse((await get(`${service.url}/contexts?x=1`)).text), [contextLine(journal, "guest")]);
  const metrics = await get(`${service.url}/metrics`);
  assert.match(metrics.headers.get("content-type") ?? "", "text/plain; version=0.0.4");
  assert.match(metrics.text, '\nioasis_events{context="guest"} 10\n');
  assert.match(metrics.text, "\nioasis_connections 0\n");
  for (const [where, method, status, code] of [
    ["/nothing", "GET", 404, "ERR_INPUT"],
    ["/contexts", "POST", 405, "ERR_USAGE"],
    ["/", "GET", 426, "ERR_PROTOCOL"],
    ["/__proto__", "GET", 404, "ERR_INPUT"],
  ] as const) {
    const answer = await get(`${service.url}${where}`, { method });
    assert.is(answer.status, status, where);
    assert.is(JSON.parse(answer.text).error.code, code);
  }
  assert.is((await get(`${service.url}/healthz`, { method: "HEAD" })).text, "");
  await service.close();
  await service.close();
});

test("an upgrade elsewhere is refused with its status, an address in use with its name", async () => {
  const journal = openMemoryJournal();
  const service = await serve({ journal, listen: LOCAL });
  const error = await connectWebSocket(`${service.url}/other`).catch((caught: unknown) => caught);
  assert.ok(error instanceof IoasisError && error.message.includes("404"));
  const port = Number(service.url.split(":").at(-1));
  const taken = await serve({ journal, listen: { host: "127.0.0.1", port } }).catch((caught: unknown) => caught);
  assert.ok(taken instanceof IoasisError && taken.code === "ERR_NETWORK");
  assert.match(taken.message, /cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE/);
  await service.close();
});

test("the signal closes the service, a conversation under way included", async () => {
  const journal = openMemoryJournal();
  const controller = new AbortController();
  const service = await serve({ journal, listen: LOCAL, signal: controller.signal });
  const connection = await connectWebSocket(service.url);
  assert.ok((await connection.receive()) !== null);
  controller.abort();
  await service.close();
  await connection.close();
  assert.is((await connectWebSocket(service.url).catch((error: unknown) => error)) instanceof IoasisError, true);
});

test("states of a context that was sealed and left: in doubt, with the time of the seal", async () => {
  const journal = openMemoryJournal({ replica: "alpha-1" });
  await append(journal, 10);
  const info = journal.context("guest");
  const epoch = info?.epochs[0];
  assert.ok(info !== null && epoch !== undefined);
  const since = "2026-11-23T20:00:00.000Z";
  await journal.recordEpoch("guest", {
    ...epoch,
    sealed: { at: info.head, successor: "beta-2", migration: "m", since, isReleased: false },
  });
  const line = contextLine(journal, "guest");
  assert.equal([line.state, line.since, line.owner, line.epoch], ["in-doubt", since, "alpha-1", 1]);
  assert.equal(line.branches, [{ epoch: 1, owner: "alpha-1", fromVersion: 0, digest: info.head.digest }]);
});

test.run();
