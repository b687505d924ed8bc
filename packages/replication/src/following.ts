/**
 * One context taken from one peer: adopts blocks and epochs in the order in which they come, says
 * what is durable here, hears the ledger. While the disk works on one frame the next is checked.
 */
import { blockHash, decodeHeader } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { Point } from "@ioasis/store";
import { newsOf } from "./heard-epochs.ts";
import type { Ledger } from "./ledger.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { ADOPTING_BYTES_MAX, LEDGER_ACK_MS } from "./limits.ts";
import type { Message, MessageOf } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { type Held, heldIn, lastVersion } from "./records.ts";
import type { Replica } from "./replica.ts";

export class Following {
  readonly context: string;
  /** Resolves when everything taken so far is durable, or has failed. */
  settled: Promise<void> = Promise.resolve();
  readonly #replica: Replica;
  readonly #peer: Peer;
  readonly #ledger: Ledger;
  readonly #sync: LedgerSync;
  /** Of blocks that are on their way to the disk. */
  #adoptingBytes = 0;
  #ledgerAckAtMs = Number.NEGATIVE_INFINITY;

  constructor(replica: Replica, context: string, peer: Peer) {
    this.context = context;
    this.#replica = replica;
    this.#peer = peer;
    this.#ledger = replica.ledger(context);
    this.#sync = new LedgerSync(this.#ledger);
  }

  /** What this replica durably holds. */
  get held(): Held {
    return heldIn(this.#replica.journal, this.context);
  }

  /** @throws IoasisError ERR_PROTOCOL, ERR_FORK, ERR_BLOCK */
  async handle(message: Extract<Message, { type: "ledger" | "blocks" | "epochs" | "compare" }>): Promise<void> {
    const { context } = this;
    const { journal } = this.#replica;
    switch (message.type) {
      case "ledger":
        this.#sync.receive(message);
        await this.#tellLedger();
        break;
      case "blocks":
        this.#take(message);
        if (this.#adoptingBytes > ADOPTING_BYTES_MAX) await this.settled;
        // The disk's answers come between two frames, however many have arrived.
        await new Promise<void>((resolve) => setImmediate(resolve));
        break;
      case "epochs": {
        const news = newsOf(message.epochs, journal.accepted(context), journal.replica);
        this.#settle(journal.adopt(context, [], news), null);
        break;
      }
      case "compare": {
        const digests = message.versions.map((version) => journal.digest(context, version));
        await this.#peer.send({ type: "compared", context, digests });
        break;
      }
    }
  }

  #take({ blocks, hash }: MessageOf<"blocks">): void {
    const last = blocks.at(-1);
    if (last === undefined || blockHash(last) !== hash) {
      const message = `a block of "${this.context}" from ${this.#peer.id} was damaged on its way`;
      throw new IoasisError("ERR_PROTOCOL", message, { context: this.context });
    }
    const header = decodeHeader(last);
    const point = { version: lastVersion(header), digest: header.digest };
    const bytes = blocks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#adoptingBytes += bytes;
    const durable = this.#replica.journal.adopt(this.context, blocks).finally(() => {
      this.#adoptingBytes -= bytes;
    });
    this.#settle(durable, point);
  }

  /** `end`: what to acknowledge when it is durable. */
  #settle(durable: Promise<unknown>, end: Point | null): void {
    this.settled = durable
      .then(async () => {
        if (end !== null) await this.#peer.send({ type: "acked", context: this.context, point: end });
        await this.#tellLedger();
      })
      .catch((error: unknown) => this.#peer.failUnlessLost(error));
  }

  async #tellLedger(): Promise<void> {
    this.#ledger.advance(this.#replica.journal);
    this.#acknowledgeInLedger();
    for (const news of this.#sync.news()) await this.#peer.send({ type: "ledger", context: this.context, ...news });
  }

  /** For replicas that are not on this connection. */
  #acknowledgeInLedger(): void {
    const { journal, timers, run } = this.#replica;
    const head = journal.context(this.context)?.head;
    if (head === undefined || timers.nowMs() - this.#ledgerAckAtMs < LEDGER_ACK_MS) return;
    if (this.#ledger.acks().get(journal.replica)?.version === head.version) return;
    this.#ledgerAckAtMs = timers.nowMs();
    this.#ledger.acknowledge(journal.replica, run, head);
  }
}
