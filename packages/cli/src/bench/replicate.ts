/**
 * A journal given to another process over a loopback WebSocket, ledger and blocks, until its
 * durable acknowledgement of the last event; beside Automerge with one change an event.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { IoasisError } from "@ioasis/core";
import { announcementOf, connectWebSocket, Peer, Publication, Replica } from "@ioasis/replication";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { churnUpTo, GUEST } from "./guest-churn.ts";
import type { Bench } from "./measure.ts";

/** What an import appends at a time. */
const BLOCK_ROWS = 4_096;

/** `ioasis serve` on an empty journal, in a process of its own. */
async function startHost(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  const flags = process.env["IOASIS_BENCH_HOST_FLAGS"]?.split(" ") ?? [];
  const args = [process.argv[1] as string, "serve", "--db", directory, "--listen", "127.0.0.1:0", "--json"];
  const child = spawn(process.execPath, [...flags, ...args], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { url: (JSON.parse(String(line)) as { listening: string }).listening, stop: () => stopped(child) };
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

/** Publishes the guest until the other side durably holds all of it. @returns seconds */
async function replicate(journal: Journal, url: string): Promise<number> {
  const from = performance.now();
  const replica = new Replica(journal);
  const context = announcementOf(journal, GUEST);
  if (context === null) throw new IoasisError("ERR_NO_CONTEXT", GUEST);
  const peer = await Peer.meet(await connectWebSocket(url), replica);
  const publication: Publication = new Publication(replica, GUEST, peer, () => {
    if (publication.acked?.digest === context.head.digest) void peer.close();
  });
  const running = peer.run((message) => {
    if (message.type === "ledger" || message.type === "acked") publication.handle(message);
    else if (message.type === "following") void publication.start(message.held);
  });
  await peer.send({ type: "announce", context });
  await running;
  publication.stop();
  if (publication.acked?.digest !== context.head.digest) throw new IoasisError("ERR_NETWORK", "it ended too early");
  return (performance.now() - from) / 1000;
}

export async function replicateBench(events: number): Promise<Bench> {
  const folder = await mkdtemp(path.join(os.tmpdir(), "ioasis-bench-"));
  const source = path.join(folder, "source");
  const journal = await openSegmentJournal(source, { host: "source" });
  await churnUpTo(journal, events, BLOCK_ROWS);
  await journal.close();
  let runs = 0;
  return {
    name: `replicate ${events} events over loopback, two processes, durable at the replica`,
    unit: "events/s",
    subject: {
      async run() {
        const directory = path.join(folder, `replica-${++runs}`);
        const host = await startHost(directory);
        const opened = await openSegmentJournal(source, { host: "source", readOnly: true });
        try {
          return events / (await replicate(opened, host.url));
        } finally {
          await opened.close();
          await host.stop();
          await rm(directory, { recursive: true, force: true });
        }
      },
    },
    peer: null,
  };
}
