/**
 * The destination of migrations over one connection: follows what is offered, and claims the next
 * epoch once it holds everything up to the seal. What it promises is in ../SPEC.md.
 */
import { IoasisError } from "@ioasis/core";
import { type Connection, type Message, type MessageOf, Peer, PeerIntake, type Replica } from "@ioasis/replication";
import type { Epoch } from "@ioasis/store";
import { DestinationRun } from "./destination-run.ts";
import { contextOf } from "./verbs.ts";

export interface DestinationEvent {
  readonly kind: "met" | "offered" | "refused" | "following" | "claimed" | "released" | "ended";
  readonly peer: string;
  readonly context: string | null;
  readonly detail: string;
}

/**
 * Serves one connection to its end. Failures of the conversation end it and are told to
 * `onEvent` ("ended"); they never come out.
 */
export async function receiveFrom(
  connection: Connection,
  replica: Replica,
  onEvent: (event: DestinationEvent) => void = () => undefined,
): Promise<void> {
  let peer = connection.peer;
  const tell = (kind: DestinationEvent["kind"], context: string | null, detail: string) =>
    onEvent({ kind, peer, context, detail });
  try {
    const met = await Peer.meet(connection, replica);
    peer = met.id;
    tell("met", null, met.address);
    const destination = new Destination(replica, met, tell);
    try {
      await met.run((message) => destination.handle(message));
      tell("ended", null, "closed by the peer");
    } finally {
      destination.end();
    }
  } catch (error) {
    tell("ended", null, error instanceof Error ? error.message : String(error));
    if (!(error instanceof IoasisError)) throw error;
  }
}

class Destination {
  readonly #replica: Replica;
  readonly #peer: Peer;
  readonly #intake: PeerIntake;
  readonly #runs = new Map<string, DestinationRun>();
  readonly #tell: (kind: DestinationEvent["kind"], context: string | null, detail: string) => void;

  constructor(
    replica: Replica,
    peer: Peer,
    tell: (kind: DestinationEvent["kind"], context: string | null, detail: string) => void,
  ) {
    this.#replica = replica;
    this.#peer = peer;
    this.#intake = new PeerIntake(replica, peer);
    this.#tell = tell;
  }

  async handle(message: Message): Promise<void> {
    switch (message.type) {
      case "offer":
        return this.#offer(message);
      case "prepare":
        await this.#run(message).prepare(message.point);
        return;
      case "seal":
        await this.#run(message).seal(message.epoch, message.blocks);
        return;
      case "cancel":
        await this.#run(message).cancel(message.epoch);
        return;
      default:
        if (!(await this.#intake.handle(message)))
          throw new IoasisError("ERR_PROTOCOL", `${this.#peer.id} sent ${message.type} to a destination`);
    }
  }

  end(): void {
    this.#intake.end();
  }

  async #offer({ migration, context: announcement }: MessageOf<"offer">): Promise<void> {
    const { name } = announcement;
    this.#tell("offered", name, `version ${announcement.head.version}, migration ${migration}`);
    const decided = this.#decided(name, announcement.id, migration);
    if (decided !== null) return this.#peer.send(decided);
    const following = await this.#intake.follow(announcement);
    if ("code" in following) {
      this.#tell("refused", name, following.reason);
      return this.#peer.send({ type: "refused", context: name, migration, ...following });
    }
    const { journal } = this.#replica;
    const run = new DestinationRun({ journal, peer: this.#peer, following, migration });
    run.onDecided = (kind, detail) => this.#tell(kind, name, detail);
    this.#runs.set(name, run);
    run.accept();
    const { held } = following;
    this.#tell("following", name, `from version ${held.version}`);
    await this.#peer.send({ type: "accept", migration, context: name, held });
  }

  /** What this replica durably decided for a migration that broke off, if it did. */
  #decided(context: string, id: string, migration: string): Message | null {
    const { journal } = this.#replica;
    if (journal.context(context)?.id !== id) return null;
    const { epochs } = contextOf(journal, context);
    const sealed = epochs.find((epoch) => epoch.sealed?.migration === migration);
    if (sealed === undefined || sealed.sealed === null) return null;
    const claimed = epochs.find(({ epoch, owner }) => epoch === sealed.epoch + 1 && owner === journal.replica);
    if (claimed !== undefined) return claimedMessage(context, migration, claimed);
    if (!sealed.sealed.isReleased) return null;
    return { type: "released", migration, context, reason: `${journal.replica} gave up its claim` };
  }

  #run({ context, migration }: { readonly context: string; readonly migration: string }): DestinationRun {
    const run = this.#runs.get(context);
    if (run === undefined || run.migration !== migration)
      throw new IoasisError("ERR_PROTOCOL", `migration ${migration} of "${context}" was not offered`, { context });
    return run;
  }
}

export function claimedMessage(context: string, migration: string, epoch: Epoch): MessageOf<"claimed"> {
  return { type: "claimed", migration, context, epoch: { ...epoch, sealed: null } };
}
