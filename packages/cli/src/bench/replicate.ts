/**
 * A journal given to another process over a loopback WebSocket, ledger and blocks, until its
 * durable acknowledgement of the last event; beside Automerge with one change an event.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { EventBatch, IoasisError } from "@ioasis/core";
import { announcementOf, connectWebSocket, Peer, Publication, Replica } from "@ioasis/replication";
import type { Journal } from "@ioasis/store";
import { type Bench, beside } from "./measure.ts";
import { automergePerEvent } from "./peers/automerge.ts";
import type { Setting } from "./row.ts";
import { remove } from "./scratch.ts";
import { Churn, churnText } from "./workload/churn.ts";
import { GUEST, HISTORY_LIVE, history, openHistory } from "./workload/history.ts";

/** One change an event costs more with each event: a run of more would take long. */
const AUTOMERGE_EVENTS = 500;

/** `ioasis serve` on an empty journal, in a process of its own. */
async function startHost(directory: string): Promise<{ url: string; stop(): Promise<void> }> {
  const args = [process.argv[1] as string, "serve", "--db", directory, "--listen", "127.0.0.1:0", "--json"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
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

/** What the journal in `directory` lacks of the history in `source`, by way of another process. @returns seconds */
export async function replicatedTo(directory: string, source: string): Promise<number> {
  const host = await startHost(directory);
  const journal = await openHistory(source);
  try {
    return await replicate(journal, host.url);
  } finally {
    await journal.close();
    await host.stop();
  }
}

export async function replicateBenches(setting: Setting, events: number): Promise<Bench[]> {
  const source = await history(setting, events, HISTORY_LIVE);
  const few = new EventBatch(1, 1, Math.min(AUTOMERGE_EVENTS, events));
  new Churn(HISTORY_LIVE).fill(few);
  return beside(
    {
      name: `replicate ${events.toLocaleString("en")} events over loopback, two processes, durable at the replica`,
      unit: "events/s",
      workload: churnText(HISTORY_LIVE),
      target: [{ of: "value", atLeast: 500_000 }],
      subject: {
        async run() {
          const directory = setting.scratch.fresh();
          const seconds = await replicatedTo(directory, source);
          remove(directory);
          return events / seconds;
        },
      },
    },
    [await automergePerEvent(few)],
  );
}
