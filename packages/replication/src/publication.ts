/**
 * One context given to one peer: ledger news as the journal grows, blocks as the peer wants them.
 */
import { IoasisError } from "@ioasis/core";
import type { Point } from "@ioasis/store";
import type { Ledger } from "./ledger.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { BLOCKS_FRAME_BYTES, POLL_MS, WAITING_WANTS_MAX } from "./limits.ts";
import type { MessageOf } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { isSamePoint, lastVersion } from "./records.ts";
import type { Replica } from "./replica.ts";

export class Publication {
  readonly context: string;
  /** The newest point that the peer said it durably holds. A later append makes it old, not wrong. */
  acked: Point | null = null;
  /** Bytes of blocks sent. */
  blockBytes = 0;
  readonly #replica: Replica;
  readonly #peer: Peer;
  readonly #ledger: Ledger;
  readonly #sync: LedgerSync;
  #told: Point | null = null;
  #wants = 0;
  /** Everything sent goes through one chain, so that order is the order of the calls. */
  #sending: Promise<void> = Promise.resolve();
  #isAdvancing = false;
  #failure: unknown = null;
  #cancelPoll: () => void = () => undefined;
  readonly #onAck: () => void;

  /** `onAck` is called after `acked` has changed. */
  constructor(replica: Replica, context: string, peer: Peer, onAck: () => void = () => undefined) {
    this.context = context;
    this.#replica = replica;
    this.#peer = peer;
    this.#onAck = onAck;
    this.#ledger = replica.ledger(context);
    this.#sync = new LedgerSync(this.#ledger);
  }

  /** Begins, and looks for growth of the journal by itself from now on. */
  start(): void {
    const poll = () => {
      this.advance();
      this.#cancelPoll = this.#replica.timers.after(POLL_MS, poll);
    };
    poll();
  }

  stop(): void {
    this.#cancelPoll();
    this.#failure ??= new IoasisError("ERR_NETWORK", `the publication of "${this.context}" has ended`);
  }

  /** Tells the peer what is new in the journal; call it after an append to be sooner than the poll. */
  advance(): void {
    if (this.#isAdvancing || this.#failure !== null) return;
    this.#isAdvancing = true;
    this.#enqueue(async () => {
      this.#isAdvancing = false;
      this.#ledger.advance(this.#replica.journal);
      for (const news of this.#sync.news()) await this.#peer.send({ type: "ledger", context: this.context, ...news });
      const head = this.#replica.journal.context(this.context)?.head;
      if (head === undefined || (this.#told !== null && isSamePoint(this.#told, head))) return;
      this.#told = head;
      await this.#peer.send({ type: "acked", context: this.context, point: head });
    });
  }

  /** @throws IoasisError ERR_PROTOCOL, ERR_FORK */
  handle(message: MessageOf<"ledger"> | MessageOf<"want"> | MessageOf<"acked">): void {
    switch (message.type) {
      case "ledger":
        this.#sync.receive(message);
        this.advance();
        break;
      case "want":
        this.#want(message.hashes);
        break;
      case "acked":
        this.note(message.point);
        break;
    }
  }

  /**
   * The peer durably holds `point`.
   * @throws IoasisError ERR_FORK when that is not a point of this history
   */
  note(point: Point): void {
    const { journal } = this.#replica;
    const head = journal.context(this.context)?.head.version ?? 0;
    if (point.version > head || journal.digest(this.context, point.version) !== point.digest) {
      const message = `${this.#peer.id} holds another history of "${this.context}" at version ${point.version}`;
      throw new IoasisError("ERR_FORK", message, { context: this.context, version: point.version });
    }
    this.acked = point;
    this.#onAck();
  }

  #want(hashes: readonly string[]): void {
    if (++this.#wants > WAITING_WANTS_MAX)
      throw new IoasisError("ERR_PROTOCOL", `${this.#peer.id} asks for more blocks before it took the last ones`);
    this.#enqueue(async () => {
      await this.#sendBlocks(hashes);
      this.#wants--;
    });
  }

  async #sendBlocks(hashes: readonly string[]): Promise<void> {
    const { context } = this;
    let blocks: Uint8Array[] = [];
    let bytes = 0;
    const flush = async () => {
      if (blocks.length === 0) return;
      this.blockBytes += bytes;
      await this.#peer.send({ type: "blocks", context, blocks });
      blocks = [];
      bytes = 0;
    };
    for (const hash of hashes) {
      const block = this.#block(hash);
      if (bytes > 0 && bytes + block.byteLength > BLOCKS_FRAME_BYTES) await flush();
      blocks.push(block);
      bytes += block.byteLength;
    }
    await flush();
  }

  #block(hash: string): Uint8Array {
    const manifest = this.#ledger.manifest(hash);
    if (manifest !== undefined) {
      const { firstVersion } = manifest;
      for (const block of this.#replica.journal.blocks(this.context, firstVersion, lastVersion(manifest)))
        if (block.hash === hash) return block.bytes();
    }
    const message = `${this.#peer.id} asks for block ${hash.slice(0, 12)} of "${this.context}", which is not here`;
    throw new IoasisError("ERR_PROTOCOL", message, { context: this.context });
  }

  /** A failure here is one of the connection or of the journal: it ends the conversation. */
  #enqueue(work: () => Promise<void>): void {
    this.#sending = this.#sending.then(async () => {
      if (this.#failure !== null) return;
      try {
        await work();
      } catch (error) {
        this.#failure = error;
        this.#cancelPoll();
        await this.#peer.fail(error);
      }
    });
  }
}
