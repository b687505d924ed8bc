/** One migration at its destination, from the accepted offer to a claim or a release. */
import { IoasisError } from "@ioasis/core";
import type { Following, Message, Peer } from "@ioasis/replication";
import type { Epoch, Journal, Point, Seal } from "@ioasis/store";
import { DESTINATION_TABLE, type DestinationPhase, type DestinationTrigger, next } from "./phase.ts";
import { claim, isRefusal } from "./rules.ts";
import { SpaceDigests } from "./space-digests.ts";

export interface DestinationRunOptions {
  readonly journal: Journal;
  readonly peer: Pick<Peer, "id" | "send">;
  readonly following: Following;
  readonly migration: string;
}

export class DestinationRun {
  readonly migration: string;
  /** Called when a claim or a release is durable. */
  onDecided: (kind: "claimed" | "released", detail: string) => void = () => undefined;
  #phase: DestinationPhase = "offered";
  #decision: Message | null = null;
  readonly #journal: Journal;
  readonly #peer: Pick<Peer, "id" | "send">;
  readonly #following: Following;
  readonly #context: string;
  readonly #spaceDigests: SpaceDigests;

  constructor({ journal, peer, following, migration }: DestinationRunOptions) {
    this.migration = migration;
    this.#journal = journal;
    this.#peer = peer;
    this.#following = following;
    this.#context = following.context;
    this.#spaceDigests = new SpaceDigests(journal, following.context);
  }

  get phase(): DestinationPhase {
    return this.#phase;
  }

  accept(): void {
    this.#step("accept");
  }

  /**
   * Everything up to `point` was taken and nothing behind it: the source sees to that. So the
   * state to take the digest of is the live one.
   */
  async prepare({ version }: Point): Promise<void> {
    await this.#following.settled;
    const point = { version, digest: this.#journal.digest(this.#context, version) };
    const spaceDigest = this.#spaceDigests.at(version);
    await this.#peer.send({ type: "prepared", migration: this.migration, context: this.#context, point, spaceDigest });
  }

  /**
   * Takes the last blocks, the seal and the claim in one commit: claimed as soon as it is durable.
   * @throws IoasisError ERR_PROTOCOL when the seal is not one for this replica, migration and owner
   */
  async seal(epoch: Epoch, blocks: readonly Uint8Array[]): Promise<void> {
    const seal = this.#checked(epoch);
    this.#step("seal");
    if (this.#decision !== null) return this.#peer.send(this.#decision);
    const { epochs } = this.#journal.accepted(this.#context);
    const ruling = claim(
      [...epochs.filter((other) => other.epoch < epoch.epoch), epoch],
      this.#journal.replica,
      seal.at,
    );
    if (isRefusal(ruling)) throw new IoasisError(ruling.code, ruling.reason, { context: this.#context });
    try {
      await this.#journal.adopt(this.#context, blocks, [epoch, ruling.epoch]);
    } catch (error) {
      if (!(error instanceof IoasisError) || !["ERR_BLOCK", "ERR_STALE"].includes(error.code)) throw error;
      this.#step("differs");
      return this.#release(epoch, seal, `the history here is not the sealed one: ${error.message}`);
    }
    this.#step("verified");
    await this.#decide("claimed", `epoch ${ruling.epoch.epoch} at version ${seal.at.version}`, {
      type: "claimed",
      migration: this.migration,
      context: this.#context,
      epoch: ruling.epoch,
    });
  }

  /** The source no longer waits: whatever is not claimed by now never will be. */
  async cancel(epoch: Epoch): Promise<void> {
    const seal = this.#checked(epoch);
    this.#step("cancel");
    if (this.#decision !== null) return this.#peer.send(this.#decision);
    await this.#release(epoch, seal, "the source did not want to wait any longer");
  }

  /** Durable before it is told: from then on this replica never claims for this migration. */
  async #release(epoch: Epoch, seal: Seal, reason: string): Promise<void> {
    await this.#journal.recordEpoch(this.#context, { ...epoch, sealed: { ...seal, isReleased: true } });
    const { migration } = this;
    await this.#decide("released", reason, { type: "released", migration, context: this.#context, reason });
  }

  async #decide(kind: "claimed" | "released", detail: string, decision: Message): Promise<void> {
    this.#decision = decision;
    this.onDecided(kind, detail);
    await this.#peer.send(decision);
  }

  #checked(epoch: Epoch): Seal {
    const { sealed } = epoch;
    const isForHere =
      sealed !== null &&
      sealed.successor === this.#journal.replica &&
      sealed.migration === this.migration &&
      epoch.owner === this.#peer.id;
    if (isForHere) return sealed;
    const message = `${this.#peer.id} told of a seal of "${this.#context}" that is not its own, not for this replica or not of this migration`;
    throw new IoasisError("ERR_PROTOCOL", message, { context: this.#context, epoch: epoch.epoch });
  }

  #step(trigger: DestinationTrigger): void {
    this.#phase = next(DESTINATION_TABLE, this.#phase, trigger);
  }
}
