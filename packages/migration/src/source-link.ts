/** The source's side of the conversation: publishes the context, collects the destination's answers. */
import { IoasisError } from "@ioasis/core";
import { type Connection, type Message, type MessageOf, Peer, Publication, type Replica } from "@ioasis/replication";
import { Watch } from "./watch.ts";

export type Answer =
  | MessageOf<"accept">
  | MessageOf<"refused">
  | MessageOf<"prepared">
  | MessageOf<"claimed">
  | MessageOf<"released">;

export class SourceLink {
  readonly peer: Peer;
  readonly publication: Publication;
  readonly watch: Watch;
  readonly #ended: Promise<void>;
  /** Answers of this migration that nobody has asked for yet; the protocol has at most one waiting. */
  readonly #answers: Answer[] = [];

  private constructor(replica: Replica, context: string, peer: Peer, onProgress: () => void) {
    this.peer = peer;
    this.watch = new Watch(replica.timers);
    this.publication = new Publication(replica, context, peer, () => {
      onProgress();
      this.watch.notify();
    });
    this.#ended = peer
      .run((message) => this.#handle(message))
      .then(
        () =>
          this.watch.fail(new IoasisError("ERR_NETWORK", `${peer.address} closed the connection`, { peer: peer.id })),
        (error: unknown) => this.watch.fail(error),
      )
      .then(() => this.publication.stop());
  }

  /** @throws IoasisError ERR_NETWORK, ERR_PROTOCOL, ERR_FORK */
  static async open(
    connection: Connection,
    replica: Replica,
    context: string,
    onProgress: () => void,
  ): Promise<SourceLink> {
    return new SourceLink(replica, context, await Peer.meet(connection, replica), onProgress);
  }

  /**
   * Sends `message` and waits for an answer of one of `types`; null when none comes in time.
   * @throws whatever ended the connection
   */
  async ask<T extends Answer["type"]>(
    message: Message,
    types: readonly T[],
    msMax: number,
  ): Promise<Extract<Answer, { type: T }> | null> {
    await this.peer.send(message);
    return this.answer(types, msMax);
  }

  async answer<T extends Answer["type"]>(
    types: readonly T[],
    msMax: number,
  ): Promise<Extract<Answer, { type: T }> | null> {
    const isOneOf = (answer: Answer): answer is Extract<Answer, { type: T }> =>
      types.some((type) => type === answer.type);
    return this.watch.until(() => {
      const answer = this.#answers.shift();
      return answer !== undefined && isOneOf(answer) ? answer : null;
    }, msMax);
  }

  async close(): Promise<void> {
    this.publication.stop();
    await this.peer.close();
    await this.#ended;
  }

  #handle(message: Message): void {
    switch (message.type) {
      case "ledger":
      case "acked":
      case "compared":
        this.publication.handle(message);
        break;
      case "accept":
      case "refused":
      case "prepared":
      case "claimed":
      case "released":
        this.#answers.push(message);
        this.watch.notify();
        break;
      default:
        throw new IoasisError("ERR_PROTOCOL", `${this.peer.id} sent ${message.type} to the source of a migration`);
    }
  }
}
