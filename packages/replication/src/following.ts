/**
 * One context taken from one peer: hears its ledger, wants the blocks that are missing, adopts
 * them in order and says what it durably holds.
 */
import { blockHash } from "@ioasis/codec";
import { IoasisError } from "@ioasis/core";
import type { Point } from "@ioasis/store";
import { adoptEpochs } from "./adopt-epochs.ts";
import type { Ledger } from "./ledger.ts";
import { LedgerSync } from "./ledger-sync.ts";
import { LEDGER_ACK_MS, WANTED_BLOCKS_MAX, WANTED_BYTES_MAX } from "./limits.ts";
import type { MessageOf } from "./messages.ts";
import type { Peer } from "./peer.ts";
import { lastVersion, type Manifest } from "./records.ts";
import type { Replica } from "./replica.ts";

export class Following {
  readonly context: string;
  readonly #replica: Replica;
  readonly #peer: Peer;
  readonly #ledger: Ledger;
  readonly #sync: LedgerSync;
  /** Asked for and not yet here, in order. */
  #wanted: Manifest[] = [];
  #wantedBytes = 0;
  /** Where the next want goes on: behind the last block that was asked for. */
  #next: { version: number; hash: string };
  /** What the peer itself holds; blocks behind it are not asked for yet. */
  #peerVersion = 0;
  #ledgerAckAtMs = Number.NEGATIVE_INFINITY;

  constructor(replica: Replica, context: string, peer: Peer) {
    this.context = context;
    this.#replica = replica;
    this.#peer = peer;
    this.#ledger = replica.ledger(context);
    this.#sync = new LedgerSync(this.#ledger);
    this.#next = { version: this.head.version, hash: headHash(replica, context) };
  }

  /** What this replica durably holds. */
  get head(): Point {
    const info = this.#replica.journal.context(this.context);
    if (info === null)
      throw new IoasisError("ERR_NO_CONTEXT", `no context "${this.context}"`, { context: this.context });
    return info.head;
  }

  /** Nothing that the peer has is missing here. */
  get isCaughtUp(): boolean {
    return this.#wanted.length === 0 && this.head.version >= this.#peerVersion;
  }

  /** @throws IoasisError ERR_PROTOCOL, ERR_FORK, ERR_BLOCK, ERR_OWNER_HERE, ERR_DISK */
  async handle(message: MessageOf<"ledger"> | MessageOf<"blocks"> | MessageOf<"acked">): Promise<void> {
    switch (message.type) {
      case "ledger":
        this.#sync.receive(message);
        break;
      case "acked":
        this.#peerVersion = Math.max(this.#peerVersion, message.point.version);
        break;
      case "blocks":
        await this.#adopt(message.blocks);
        break;
    }
    await adoptEpochs(this.#replica.journal, this.context, this.#ledger);
    await this.#wantMore();
    await this.tellLedger();
  }

  async tellLedger(): Promise<void> {
    this.#ledger.advance(this.#replica.journal);
    this.#acknowledgeInLedger();
    for (const news of this.#sync.news()) await this.#peer.send({ type: "ledger", context: this.context, ...news });
  }

  async #adopt(blocks: readonly Uint8Array[]): Promise<void> {
    for (const bytes of blocks) {
      const expected = this.#wanted.shift();
      if (expected === undefined || blockHash(bytes) !== expected.hash) {
        const message = `${this.#peer.id} sent a block of "${this.context}" that was not asked for`;
        throw new IoasisError("ERR_PROTOCOL", message, { context: this.context });
      }
      this.#wantedBytes -= expected.size;
    }
    const point = await this.#replica.journal.adopt(this.context, blocks);
    await this.#peer.send({ type: "acked", context: this.context, point });
  }

  async #wantMore(): Promise<void> {
    const newestEpoch = this.#replica.journal.context(this.context)?.epochs.at(-1)?.epoch ?? 0;
    const hashes: string[] = [];
    while (this.#wanted.length < WANTED_BLOCKS_MAX && this.#wantedBytes < WANTED_BYTES_MAX) {
      const manifest = this.#ledger.next(this.#next.version, this.#next.hash, newestEpoch);
      if (manifest === null || lastVersion(manifest) > this.#peerVersion) break;
      this.#wanted.push(manifest);
      this.#wantedBytes += manifest.size;
      this.#next = { version: lastVersion(manifest), hash: manifest.hash };
      hashes.push(manifest.hash);
    }
    if (hashes.length > 0) await this.#peer.send({ type: "want", context: this.context, hashes });
  }

  /** For replicas that are not on this connection. Rarely: the document keeps every value it ever had. */
  #acknowledgeInLedger(): void {
    const { journal, timers, run } = this.#replica;
    if (!this.isCaughtUp || timers.nowMs() - this.#ledgerAckAtMs < LEDGER_ACK_MS) return;
    const { head } = this;
    if (this.#ledger.acks().get(journal.replica)?.version === head.version) return;
    this.#ledgerAckAtMs = timers.nowMs();
    this.#ledger.acknowledge(journal.replica, run, head);
  }
}

function headHash({ journal }: Replica, context: string): string {
  const version = journal.context(context)?.head.version ?? 0;
  if (version === 0) return "";
  let hash = "";
  for (const block of journal.blocks(context, version, version)) hash = block.hash;
  return hash;
}
