/**
 * One context given to one peer: blocks and epochs in the order of the journal, as fast as the
 * peer makes them durable, and the ledger's news.
 */
import { IoasisError } from "@ioasis/core";
import type { Epoch, Point, StoredBlock } from "@ioasis/store";
import { type AskDigests, divergence, isBeginning } from "./divergence.ts";
import { epochsAt } from "./heard-epochs.ts";
import type { Ledger } from "./ledger.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { BLOCKS_FRAME_BYTES, FRAME_BLOCKS_MAX, POLL_MS, TAIL_BYTES_MAX, UNACKED_BYTES_MAX } from "./limits.ts";
import type { MessageOf } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { type Held, lastVersion } from "./records.ts";
import type { Replica } from "./replica.ts";
import { Unacked } from "./unacked.ts";

/** A run of blocks behind what was sent, none of a later epoch than the first. */
interface Run {
  readonly blocks: readonly Uint8Array[];
  readonly bytes: number;
  readonly last: StoredBlock | null;
}

interface Asking {
  readonly resolve: (digests: readonly string[]) => void;
  readonly reject: (error: unknown) => void;
}

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
  #position = 0;
  /** Nothing behind this version is sent. */
  #bound = Number.POSITIVE_INFINITY;
  /** Until `start` nothing is known of what the peer holds. */
  #isHeld = true;
  readonly #unacked = new Unacked();
  /** What the peer was told of each epoch: 0 claimed, 1 sealed, 2 released. */
  readonly #told = new Map<number, number>();
  /** Everything sent goes through one chain, so that order is the order of the calls. */
  #sending: Promise<void> = Promise.resolve();
  #isAdvancing = false;
  #failure: unknown = null;
  #cancelPoll: () => void = () => undefined;
  #asking: Asking | null = null;
  readonly #onProgress: () => void;

  /** `onProgress` is called after `acked` or `position` have changed. */
  constructor(replica: Replica, context: string, peer: Peer, onProgress: () => void = () => undefined) {
    this.context = context;
    this.#replica = replica;
    this.#peer = peer;
    this.#onProgress = onProgress;
    this.#ledger = replica.ledger(context);
    this.#sync = new LedgerSync(this.#ledger);
  }

  /** Version up to which everything was sent; a message that is sent now comes right behind it. */
  get position(): number {
    return this.#position;
  }

  /** Resolves when everything that was to be sent so far has left. */
  get sent(): Promise<void> {
    return this.#sending;
  }

  /**
   * Begins behind what the peer holds, and looks for growth of the journal by itself from now on.
   * @throws IoasisError ERR_FORK when that is no beginning of this history; the peer was told
   */
  async start(held: Held): Promise<void> {
    const { journal } = this.#replica;
    if (!isBeginning(journal, this.context, held)) {
      const error = await divergence(journal, this.context, held, this.#ask);
      await this.#peer.fail(error);
      throw error;
    }
    this.#position = held.version;
    this.acked = { version: held.version, digest: held.digest };
    this.#onProgress();
    this.goOn();
  }

  stop(): void {
    this.#cancelPoll();
    this.#failure ??= new IoasisError("ERR_NETWORK", `the publication of "${this.context}" has ended`);
    this.#asking?.reject(this.#failure);
  }

  /** Tells the peer what is new in the journal; call it after an append to be sooner than the poll. */
  advance(): void {
    if (this.#isAdvancing || this.#isHeld || this.#failure !== null) return;
    this.#isAdvancing = true;
    this.#enqueue(async () => {
      this.#isAdvancing = false;
      for (let frame = this.#nextFrame(); frame !== null; frame = this.#nextFrame()) await this.#peer.send(frame);
      this.#onProgress();
      if (this.#isHeld) return;
      this.#ledger.advance(this.#replica.journal);
      for (const news of this.#sync.news()) await this.#peer.send({ type: "ledger", context: this.context, ...news });
    });
  }

  /** Sends nothing behind `version` until `goOn`. */
  sendUpTo(version: number): void {
    this.#isHeld = false;
    this.#bound = version;
    this.advance();
  }

  /** Sends nothing from now on, and looks for nothing, until `goOn`. */
  hold(): void {
    this.#cancelPoll();
    this.#isHeld = true;
  }

  goOn(): void {
    this.#isHeld = false;
    this.#bound = Number.POSITIVE_INFINITY;
    this.#cancelPoll();
    this.#poll();
  }

  /**
   * The durable blocks that were not sent, to go with another message; `goOn` sends them too. Null: they are too
   * many for that.
   */
  rest(): readonly Uint8Array[] | null {
    const { version } = this.#replica.journal.context(this.context)?.head ?? { version: 0 };
    const { blocks, last } = this.#run(TAIL_BYTES_MAX, version);
    const end = last === null ? this.#position : lastVersion(last.header);
    return end === version ? blocks : null;
  }

  /** @throws IoasisError ERR_PROTOCOL, ERR_FORK */
  handle(message: MessageOf<"ledger"> | MessageOf<"acked"> | MessageOf<"compared">): void {
    switch (message.type) {
      case "ledger":
        this.#sync.receive(message);
        this.advance();
        break;
      case "acked":
        this.#acknowledged(message.point);
        break;
      case "compared":
        this.#asking?.resolve(message.digests);
        break;
    }
  }

  #acknowledged(point: Point): void {
    if (!this.#unacked.take(point)) {
      const message = `${this.#peer.id} says that it holds version ${point.version} of "${this.context}", with a history that was not sent`;
      throw new IoasisError("ERR_FORK", message, { context: this.context, version: point.version });
    }
    this.acked = point;
    this.#onProgress();
    this.advance();
  }

  readonly #ask: AskDigests = (versions) =>
    new Promise((resolve, reject) => {
      this.#asking = { resolve, reject };
      this.#peer.send({ type: "compare", context: this.context, versions }).catch(reject);
    });

  #poll(): void {
    this.advance();
    this.#cancelPoll = this.#replica.timers.after(POLL_MS, () => this.#poll());
  }

  /** Null: there is nothing new, or no room. */
  #nextFrame(): MessageOf<"blocks"> | MessageOf<"epochs"> | null {
    const { context } = this;
    if (this.#isHeld || this.#unacked.bytes >= UNACKED_BYTES_MAX) return null;
    const epochs = this.#epochNews();
    if (epochs.length > 0) return { type: "epochs", context, epochs };
    const { blocks, bytes, last } = this.#run(BLOCKS_FRAME_BYTES, this.#bound);
    if (last === null) return null;
    const point = { version: lastVersion(last.header), digest: last.header.digest };
    this.#unacked.push(point, bytes);
    this.#position = point.version;
    this.blockBytes += bytes;
    return { type: "blocks", context, blocks, hash: last.hash };
  }

  #run(bytesMax: number, bound: number): Run {
    const { journal } = this.#replica;
    const info = journal.context(this.context);
    const blocks: Uint8Array[] = [];
    let bytes = 0;
    let last: StoredBlock | null = null;
    if (info === null || info.head.version <= this.#position) return { blocks, bytes, last };
    const border = Math.min(bound, borderBehind(info.epochs, this.#position));
    if (this.#position >= border) return { blocks, bytes, last };
    for (const block of journal.blocks(this.context, this.#position + 1, Math.min(border, info.head.version))) {
      const encoded = block.bytes();
      if (blocks.length === FRAME_BLOCKS_MAX || (bytes > 0 && bytes + encoded.byteLength > bytesMax)) break;
      blocks.push(encoded);
      bytes += encoded.byteLength;
      last = block;
    }
    return { blocks, bytes, last };
  }

  #epochNews(): Epoch[] {
    const epochs = epochsAt(this.#replica.journal.context(this.context)?.epochs ?? [], this.#position);
    return epochs.filter(({ epoch, sealed }) => {
      const stage = sealed === null ? 0 : sealed.isReleased ? 2 : 1;
      if (this.#told.get(epoch) === stage) return false;
      this.#told.set(epoch, stage);
      return true;
    });
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
        await this.#peer.failUnlessLost(error);
      }
    });
  }
}

/** The version at which the next epoch behind `version` begins: its blocks follow when it was told. */
function borderBehind(epochs: readonly Epoch[], version: number): number {
  const next = epochs.find(({ from }) => from.version > version);
  return next?.from.version ?? Number.POSITIVE_INFINITY;
}
