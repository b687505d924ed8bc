/** One migration at its destination, from the accepted offer to a claim or a release. */
import { IoasisError } from "@ioasis/core";
import type { Message, Peer } from "@ioasis/replication";
import type { Epoch, Journal, Point, Seal } from "@ioasis/store";
import { DESTINATION_TABLE, type DestinationPhase, type DestinationTrigger, next } from "./phase.ts";
import { SpaceDigests } from "./space-digests.ts";
import { claimNext, contextOf } from "./verbs.ts";

export interface DestinationRunOptions {
  readonly journal: Journal;
  readonly peer: Pick<Peer, "id" | "send">;
  readonly context: string;
  readonly migration: string;
}

interface Sealed {
  readonly epoch: Epoch;
  readonly seal: Seal;
  readonly spaceDigest: string;
}

export class DestinationRun {
  readonly migration: string;
  /** Called when a claim or a release is durable. */
  onDecided: (kind: "claimed" | "released", detail: string) => void = () => undefined;
  #phase: DestinationPhase = "offered";
  /** Asked for and not yet answered, because the blocks are still on their way. */
  #prepare: Point | null = null;
  #sealed: Sealed | null = null;
  #decision: Message | null = null;
  readonly #journal: Journal;
  readonly #peer: Pick<Peer, "id" | "send">;
  readonly #context: string;
  readonly #spaceDigests: SpaceDigests;

  constructor({ journal, peer, context, migration }: DestinationRunOptions) {
    this.migration = migration;
    this.#journal = journal;
    this.#peer = peer;
    this.#context = context;
    this.#spaceDigests = new SpaceDigests(journal, context);
  }

  get phase(): DestinationPhase {
    return this.#phase;
  }

  accept(): void {
    this.#step("accept");
  }

  async prepare(point: Point): Promise<void> {
    this.#prepare = point;
    await this.goOn();
  }

  /** @throws IoasisError ERR_PROTOCOL when the seal is not one for this replica, migration and owner */
  async seal(epoch: Epoch, spaceDigest: string): Promise<void> {
    const seal = this.#checked(epoch);
    this.#step("seal");
    if (this.#decision !== null) return this.#peer.send(this.#decision);
    this.#sealed = { epoch, seal, spaceDigest };
    await this.goOn();
  }

  /** The source no longer waits: whatever is not claimed by now never will be. */
  async cancel(epoch: Epoch): Promise<void> {
    const seal = this.#checked(epoch);
    this.#step("cancel");
    if (this.#decision !== null) return this.#peer.send(this.#decision);
    await this.#release(epoch, seal, "the source did not want to wait any longer");
  }

  /** More of the history is here: answers what was waiting for it. */
  async goOn(): Promise<void> {
    const { head } = contextOf(this.#journal, this.#context);
    const prepare = this.#prepare;
    if (prepare !== null && head.version >= prepare.version) {
      this.#prepare = null;
      const point = { version: prepare.version, digest: this.#journal.digest(this.#context, prepare.version) };
      const spaceDigest = this.#spaceDigests.at(point.version);
      await this.#peer.send({
        type: "prepared",
        migration: this.migration,
        context: this.#context,
        point,
        spaceDigest,
      });
    }
    if (this.#sealed !== null && this.#phase === "sealed" && head.version >= this.#sealed.seal.at.version)
      await this.#verify(this.#sealed, head);
  }

  async #verify({ epoch, seal, spaceDigest }: Sealed, head: Point): Promise<void> {
    const here = this.#spaceDigests.at(head.version);
    const difference =
      head.version !== seal.at.version || head.digest !== seal.at.digest
        ? `the history here ends at version ${head.version} with digest ${head.digest}, the sealed one at ${seal.at.version} with ${seal.at.digest}`
        : here !== spaceDigest
          ? `the state at version ${head.version} has digest ${here} here and ${spaceDigest} at the source`
          : null;
    if (difference !== null) {
      this.#step("differs");
      return this.#release(epoch, seal, difference);
    }
    await this.#journal.recordEpoch(this.#context, epoch);
    const claimed = await claimNext(this.#journal, this.#context);
    this.#step("verified");
    await this.#decide("claimed", `epoch ${claimed.epoch} at version ${seal.at.version}`, {
      type: "claimed",
      migration: this.migration,
      context: this.#context,
      epoch: claimed,
    });
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
