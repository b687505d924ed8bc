/** What one peer brings into this replica: any number of contexts, each followed on its own. */
import { IoasisError } from "@ioasis/core";
import { type Refusal, refusalOf } from "./announcement.ts";
import { Following } from "./following.ts";
import type { Announcement, Message } from "./messages.ts";
import type { Peer } from "./peer.ts";
import type { Intake, Replica } from "./replica.ts";

export class PeerIntake {
  readonly #replica: Replica;
  readonly #peer: Peer;
  readonly #followings = new Map<string, Following>();
  readonly #intakes = new Map<string, Intake>();
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => undefined;

  constructor(replica: Replica, peer: Peer) {
    this.#replica = replica;
    this.#peer = peer;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  /**
   * Begins to follow a context; makes it in the journal when it is new here.
   * @throws IoasisError ERR_DISK and others of the journal
   */
  async follow(announcement: Announcement): Promise<Following | Refusal> {
    const { journal } = this.#replica;
    const { name } = announcement;
    const known = this.#followings.get(name);
    if (known !== undefined) return known;
    const refusal = refusalOf(journal, announcement);
    if (refusal !== null) return refusal;
    const intake: Intake = { from: this.#peer.id, stop: () => this.#stop() };
    try {
      await this.#replica.openIntake(name, intake);
    } catch (error) {
      if (error instanceof IoasisError) return { code: error.code, reason: error.message };
      throw error;
    }
    this.#intakes.set(name, intake);
    // Only the first epoch is taken on trust; the rest follows with the blocks that it speaks of.
    const epochs = announcement.epochs.slice(0, 1).map((epoch) => ({ ...epoch, sealed: null }));
    if (journal.context(name) === null) await journal.adoptContext({ ...announcement, epochs });
    const following = new Following(this.#replica, name, this.#peer);
    this.#followings.set(name, following);
    return following;
  }

  /** @returns false when the message is not about blocks and ledgers */
  async handle(message: Message): Promise<boolean> {
    switch (message.type) {
      case "announce": {
        const { name } = message.context;
        const answer = await this.follow(message.context);
        if (!(answer instanceof Following))
          await this.#peer.send({ type: "refused", context: name, migration: null, ...answer });
        else await this.#peer.send({ type: "following", context: name, held: answer.held });
        return true;
      }
      case "ledger":
      case "blocks":
      case "epochs":
      case "compare": {
        const following = this.#followings.get(message.context);
        if (following === undefined)
          throw new IoasisError("ERR_PROTOCOL", `"${message.context}" was not announced`, { context: message.context });
        await following.handle(message);
        return true;
      }
      default:
        return false;
    }
  }

  get(context: string): Following | undefined {
    return this.#followings.get(context);
  }

  /** The connection has ended and its last message was handled. */
  end(): void {
    for (const [context, intake] of this.#intakes) this.#replica.closeIntake(context, intake);
    this.#resolveEnded();
  }

  async #stop(): Promise<void> {
    await this.#peer.close();
    await this.#ended;
  }
}
