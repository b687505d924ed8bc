/**
 * One of the hosts between which `bench cutover` moves a guest, in a process of its own: the
 * guest's churn goes on here whenever this host owns it.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { IoasisError } from "@ioasis/core";
import { isRefusal, mayAppend, migrate, receiveFrom } from "@ioasis/migration";
import { connectWebSocket, listenWebSocket, Replica } from "@ioasis/replication";
import { type Journal, openSegmentJournal } from "@ioasis/store";
import { churnBatch, churnUpTo, GUEST } from "./guest-churn.ts";

/** What the bench asks of a host. */
export type HostOrder = { readonly kind: "move"; readonly url: string } | { readonly kind: "end" };

/** What a host says. Times are of the system's monotonic clock, in milliseconds. */
export type HostWord =
  | { readonly kind: "ready"; readonly url: string }
  /** The first event of the guest was accepted here after a claim. */
  | { readonly kind: "going-on"; readonly atMs: number }
  | {
      readonly kind: "moved";
      readonly outcome: string;
      readonly reason: string | null;
      readonly digest: string;
      readonly versions: number;
      /** As `migrate` says it. */
      readonly pauseMs: number | null;
      /** The last append that this host accepted. */
      readonly lastAppendMs: number;
    }
  | { readonly kind: "ended"; readonly digest: string };

const EVENTS_PER_MS = 100;
/** What a flush of a recorder holds at most. */
const APPEND_ROWS_MAX = 4_096;
const FILL_ROWS = 4_096;

export interface HostOptions {
  readonly directory: string;
  readonly name: string;
  /** Versions that the guest has when it begins; 0: this host receives it first. */
  readonly versions: number;
}

/** Serves orders of the process that forked this one until it says "end". */
export async function serveOrders({ directory, name, versions }: HostOptions): Promise<void> {
  const nextOrder = orderReader();
  const journal = await openSegmentJournal(directory, { host: name });
  if (versions > 0) await churnUpTo(journal, versions, FILL_ROWS);
  const guest = new Guest(journal);
  const server = createServer();
  const replica = new Replica(journal);
  const door = listenWebSocket(server, {
    onConnection: (connection) =>
      void receiveFrom(connection, replica, ({ kind }) => {
        if (kind === "claimed") guest.goOn((atMs) => tell({ kind: "going-on", atMs }));
      }),
    refuse: () => null,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  if (versions > 0) guest.goOn();
  tell({ kind: "ready", url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` });
  for (let order = await nextOrder(); order.kind !== "end"; order = await nextOrder()) {
    const connection = await connectWebSocket(order.url);
    const {
      outcome,
      reason,
      digest,
      versions: moved,
      pauseMs,
    } = await migrate({ journal, context: GUEST, connection });
    await connection.close();
    tell({ kind: "moved", outcome, reason, digest, versions: moved, pauseMs, lastAppendMs: guest.lastAppendMs });
  }
  await guest.stop();
  tell({ kind: "ended", digest: journal.context(GUEST)?.head.digest ?? "" });
  await door.close();
  server.close();
  await journal.close();
}

class Guest {
  lastAppendMs = 0;
  readonly #journal: Journal;
  #isWanted = true;
  #running: Promise<void> = Promise.resolve();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  /** Maps and unmaps until the context is fenced here. */
  goOn(onFirst: (atMs: number) => void = () => undefined): void {
    this.#running = this.#run(onFirst);
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    await this.#running;
  }

  async #run(onFirst: (atMs: number) => void): Promise<void> {
    const info = this.#journal.context(GUEST);
    const may = mayAppend(info?.epochs ?? [], this.#journal.replica);
    if (info === null || isRefusal(may)) return;
    const fromMs = monotonicMs();
    let { version } = info.head;
    const firstVersion = version;
    try {
      while (this.#isWanted) {
        const due = firstVersion + Math.floor((monotonicMs() - fromMs) * EVENTS_PER_MS) + 1 - version;
        if (due > 0) {
          const rows = Math.min(due, APPEND_ROWS_MAX);
          const appending = this.#journal.append(GUEST, churnBatch(may.epoch.epoch, version + 1, rows));
          const atMs = monotonicMs();
          await appending;
          this.lastAppendMs = atMs;
          if (version === firstVersion) onFirst(atMs);
          version += rows;
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } catch (error) {
      if (!(error instanceof IoasisError) || error.code !== "ERR_NOT_OWNER") throw error;
    }
  }
}

/** The same for every process of one machine. */
function monotonicMs(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}

function tell(word: HostWord): void {
  process.send?.(word);
}

/** Orders in the order of their coming. */
function orderReader(): () => Promise<HostOrder> {
  const waiting: HostOrder[] = [];
  let wake: (order: HostOrder) => void = (order) => waiting.push(order);
  const keep = wake;
  process.on("message", (order: HostOrder) => wake(order));
  // The bench is gone: so is the reason to be here.
  process.on("disconnect", () => process.exit());
  return () => {
    const order = waiting.shift();
    if (order !== undefined) return Promise.resolve(order);
    return new Promise((resolve) => {
      wake = (next) => {
        wake = keep;
        resolve(next);
      };
    });
  };
}
