/**
 * The source of a migration: offers the context, lets the destination catch up, seals, and waits
 * for the claim. What it promises is in ../SPEC.md.
 */
import { IoasisError } from "@ioasis/core";
import { announcementOf, Replica, systemTimers, type Timers } from "@ioasis/replication";
import type { Epoch, Journal, Point } from "@ioasis/store";
import { fitsLimit, isShrinking } from "./converge.ts";
import { runFeed } from "./feed.ts";
import { ANSWER_MS_MAX, CONVERGE_ROUNDS_MAX, DOWNTIME_LIMIT_MS, POLL_MS, STALL_MS_MAX } from "./limits.ts";
import type { MigrateOptions } from "./options.ts";
import { next, SOURCE_TABLE, type SourcePhase, type SourceTrigger } from "./phase.ts";
import type { MigrateResult, Outcome } from "./result.ts";
import { isRefusal, mayAppend, type Refusal } from "./rules.ts";
import { newestEpoch, quietMoment, recordClaim, type Sealing, sealFor, takeBack } from "./sealing.ts";
import { type Answer, SourceLink } from "./source-link.ts";
import { SpaceDigests } from "./space-digests.ts";
import { asOnlyMigration } from "./underway.ts";
import { claimNext, contextOf } from "./verbs.ts";

/**
 * Hands a context over to the replica at the other end of `connection`, or takes up a migration
 * to it that broke off. Never throws once the context is sealed, except for a failing journal.
 * @throws IoasisError ERR_NO_CONTEXT, ERR_LOCKED (it is being migrated), ERR_DISK, what `feed` throws
 */
export function migrate(options: MigrateOptions): Promise<MigrateResult> {
  return asOnlyMigration(options.journal, options.context, () => new Source(options).run());
}

class Source {
  #phase: SourcePhase = "offer";
  /** The phase in which the end was decided. */
  #decidedIn: SourcePhase = "offer";
  #reason: string | null = null;
  #link: SourceLink | null = null;
  #migration: string = crypto.randomUUID();
  #precopyFromMs = 0;
  #precopyFromVersion = 0;
  #precopyMs = 0;
  #pauseMs: number | null = null;
  readonly #options: MigrateOptions;
  readonly #journal: Journal;
  readonly #context: string;
  readonly #timers: Timers;
  readonly #replica: Replica;
  readonly #spaceDigests: SpaceDigests;
  readonly #answerMsMax: number;

  constructor(options: MigrateOptions) {
    this.#options = options;
    this.#journal = options.journal;
    this.#context = options.context;
    this.#timers = options.timers ?? systemTimers;
    this.#replica = new Replica(options.journal, this.#timers);
    this.#spaceDigests = new SpaceDigests(options.journal, options.context);
    this.#answerMsMax = options.answerMsMax ?? ANSWER_MS_MAX;
  }

  async run(): Promise<MigrateResult> {
    const feed = this.#options.feed === undefined ? null : runFeed(this.#options.feed, () => this.#noticed());
    try {
      if (feed !== null) await this.#firstEvent(feed.done);
      const refusal = await this.#openEpoch();
      if (refusal !== null) this.#step("refused", refusal);
      else await this.#converse(feed?.done ?? Promise.resolve());
    } finally {
      await this.#link?.close();
      if (this.#phase !== "completed") feed?.abort();
      await feed?.done;
    }
    return this.#result();
  }

  /** The context may be made by the feed's first append. */
  async #firstEvent(feeding: Promise<void>): Promise<void> {
    let isFed = false;
    feeding.then(
      () => (isFed = true),
      () => (isFed = true),
    );
    const { signal } = this.#options;
    while (this.#journal.context(this.#context) === null && !isFed && signal?.aborted !== true)
      await new Promise<void>((resolve) => this.#timers.after(POLL_MS, resolve));
    if (isFed) await feeding;
  }

  /** Settles what an earlier migration left. Null: there is an epoch to seal, or a seal to take up again. */
  async #openEpoch(): Promise<Refusal | null> {
    const { epochs } = contextOf(this.#journal, this.#context);
    const newest = epochs.at(-1);
    if (newest?.owner === this.#journal.replica && newest.sealed !== null) {
      // The successor gave up, and this process died before it could go on.
      if (newest.sealed.isReleased) await claimNext(this.#journal, this.#context);
      else this.#migration = newest.sealed.migration;
      return null;
    }
    const may = mayAppend(epochs, this.#journal.replica);
    return isRefusal(may) ? may : null;
  }

  async #converse(feeding: Promise<void>): Promise<void> {
    const { connection, signal } = this.#options;
    try {
      const link = await SourceLink.open(connection, this.#replica, this.#context, () => this.#progress());
      this.#link = link;
      const abort = () => link.watch.fail(new IoasisError("ERR_NETWORK", "interrupted"));
      signal?.addEventListener("abort", abort, { once: true });
      if (signal?.aborted) abort();
      feeding.catch((error: unknown) => link.watch.fail(error));
      try {
        await this.#offer(link, feeding);
      } finally {
        signal?.removeEventListener("abort", abort);
      }
    } catch (error) {
      if (!(error instanceof IoasisError) || isLocal(error)) throw error;
      this.#step("lost", { code: error.code, reason: error.message });
    }
  }

  async #offer(link: SourceLink, feeding: Promise<void>): Promise<void> {
    const { sealed } = this.#newestEpoch();
    if (sealed !== null && sealed.successor !== link.peer.id) {
      const reason = `sealed for ${sealed.successor} since ${sealed.since}; ${link.peer.id} may not claim it`;
      return this.#step("refused", { code: "ERR_NOT_OWNER", reason });
    }
    const context = announcementOf(this.#journal, this.#context);
    if (context === null) throw new IoasisError("ERR_NO_CONTEXT", `no context "${this.#context}"`);
    const offer = { type: "offer", migration: this.#migration, context } as const;
    const answer = await link.ask(offer, ["accept", "refused", "claimed", "released"], this.#answerMsMax);
    if (answer === null) throw unanswered("the offer", link);
    if (answer.type === "refused") return this.#step("refused", answer);
    if (answer.type !== "accept") return this.#settle(answer);
    await link.publication.start(answer.held);
    this.#precopyFromVersion = answer.held.version;
    this.#step("accepted");
    await this.#precopy(link, feeding);
  }

  async #precopy(link: SourceLink, feeding: Promise<void>): Promise<void> {
    this.#precopyFromMs = this.#timers.nowMs();
    let isFed = false;
    feeding.then(
      () => {
        isFed = true;
        link.watch.notify();
      },
      () => undefined,
    );
    await link.watch.until(() => (isFed ? true : null));
    this.#step("fed");
    await this.#caughtUp(link);
    const roundMs = await this.#compareStates(link);
    const fits = roundMs !== null && (await this.#converge(link, roundMs));
    this.#precopyMs = this.#timers.nowMs() - this.#precopyFromMs;
    if (fits) await this.#fence(link);
  }

  /**
   * Asks the destination for the digest of its state at a version, before the fence: from there on
   * equal events make equal states. Null: it differs, and that was told.
   * @returns how long one question and answer takes
   */
  async #compareStates(link: SourceLink): Promise<number | null> {
    const { publication } = link;
    const point = this.#head();
    const here = this.#spaceDigests.at(point.version);
    publication.sendUpTo(point.version);
    await this.#sentUpTo(link, point.version);
    const askedMs = this.#timers.nowMs();
    const asking = link.ask({ type: "prepare", ...this.#names(), point }, ["prepared"], this.#answerMsMax);
    publication.goOn();
    const prepared = await asking;
    if (prepared === null) throw unanswered("prepare", link);
    if (prepared.point.digest === point.digest && prepared.spaceDigest === here) return this.#timers.nowMs() - askedMs;
    const reason = `the destination's state at version ${point.version} differs: ${prepared.spaceDigest} there, ${here} here`;
    this.#step("gave-up", { code: "ERR_FORK", reason });
    return null;
  }

  /** Catches up again and again, until the rest fits the limit and gets no smaller. */
  async #converge(link: SourceLink, firstRoundMs: number): Promise<boolean> {
    const limitMs = this.#options.downtimeLimitMs ?? DOWNTIME_LIMIT_MS;
    const acked = () => link.publication.acked?.version ?? 0;
    let roundMs = firstRoundMs;
    let eventsPerMs = (acked() - this.#precopyFromVersion) / Math.max(1, this.#timers.nowMs() - this.#precopyFromMs);
    let lagBefore = Number.POSITIVE_INFINITY;
    for (let round = 0; round < CONVERGE_ROUNDS_MAX; round++) {
      const fromMs = this.#timers.nowMs();
      const fromVersion = acked();
      if (await this.#caughtUp(link)) {
        const tookMs = this.#timers.nowMs() - fromMs;
        roundMs = Math.min(roundMs, tookMs);
        eventsPerMs = Math.max(eventsPerMs, (acked() - fromVersion) / Math.max(1, tookMs));
      }
      const lagEvents = this.#journal.accepted(this.#context).version - acked();
      if (fitsLimit({ lagEvents, roundMs, eventsPerMs }, limitMs) && !isShrinking(lagEvents, lagBefore)) return true;
      lagBefore = lagEvents;
    }
    const reason = `the pause would be longer than the limit of ${limitMs} ms (one question and answer takes ${roundMs.toFixed(1)} ms)`;
    this.#step("gave-up", { code: "ERR_LIMIT", reason });
    return false;
  }

  /** Everything that is in the journal now is durable at the destination. @returns whether it had to wait for that */
  async #caughtUp(link: SourceLink): Promise<boolean> {
    const { version } = this.#head();
    const acked = () => link.publication.acked?.version ?? 0;
    if (acked() >= version) return false;
    link.publication.advance();
    for (let before = acked(); acked() < version; before = acked()) {
      const progressed = await link.watch.until(() => (acked() > before ? true : null), STALL_MS_MAX);
      if (progressed === null) throw unanswered(`version ${version}`, link);
    }
    return true;
  }

  async #sentUpTo(link: SourceLink, version: number): Promise<void> {
    const sent = await link.watch.until(() => (link.publication.position >= version ? true : null), STALL_MS_MAX);
    if (sent === null) throw unanswered(`version ${version}`, link);
  }

  /** From here to the claim nobody may append: two syncs of a disk, one message each way, nothing else. */
  async #fence(link: SourceLink): Promise<void> {
    const { publication } = link;
    publication.hold();
    await quietMoment(this.#sealing);
    const sealedMs = this.#timers.nowMs();
    if (this.#newestEpoch().sealed === null) await sealFor(this.#sealing, link.peer.id, this.#timers);
    this.#step("sealed");
    const epoch = this.#newestEpoch();
    const told = { type: "seal", ...this.#names(), epoch, blocks: await this.#rest(link) } as const;
    let answer = await link.ask(told, ["claimed", "released"], this.#answerMsMax);
    if (answer === null) {
      publication.goOn();
      await publication.sent;
      const cancel = { type: "cancel", ...this.#names(), epoch } as const;
      answer = await link.ask(cancel, ["claimed", "released"], this.#answerMsMax);
    }
    if (answer === null) throw unanswered("the seal", link);
    if (answer.type === "claimed") this.#pauseMs = this.#timers.nowMs() - sealedMs;
    await this.#settle(answer);
  }

  /** The blocks that go with the seal. */
  async #rest(link: SourceLink): Promise<readonly Uint8Array[]> {
    const { publication } = link;
    const rest = publication.rest();
    if (rest !== null) return rest;
    const { version } = this.#head();
    publication.sendUpTo(version);
    await this.#sentUpTo(link, version);
    publication.hold();
    return [];
  }

  /** The destination has decided; its word is recorded here before anything else. */
  async #settle(answer: Extract<Answer, { type: "claimed" | "released" }>): Promise<void> {
    if (answer.type === "claimed") {
      await recordClaim(this.#sealing, answer);
      return this.#step("claimed");
    }
    await takeBack(this.#sealing, answer);
    this.#step("released", { code: "ERR_NOT_OWNER", reason: answer.reason });
  }

  #step(trigger: SourceTrigger, because: { readonly reason: string; readonly code: string } | null = null): void {
    this.#decidedIn = this.#phase;
    this.#phase = next(SOURCE_TABLE, this.#phase, trigger);
    if (because !== null) this.#reason = `${because.reason} (${because.code})`;
    // A failure while a seal stands leaves it standing, in whatever phase this attempt was.
    const { sealed, owner } = this.#newestEpoch();
    const isSealedHere = owner === this.#journal.replica && sealed !== null;
    if (isSealedHere && (this.#phase === "rolled-back" || this.#phase === "refused")) this.#phase = "in-doubt";
    this.#progress();
  }

  #noticed(): void {
    this.#link?.publication.advance();
  }

  #progress(): void {
    const { version } = this.#head();
    const acked = this.#link?.publication.acked?.version ?? 0;
    this.#options.onProgress?.({
      context: this.#context,
      phase: this.#phase,
      version,
      acked,
      lagEvents: version - acked,
      bytes: this.#link?.peer.bytesSent ?? 0,
    });
  }

  #result(): MigrateResult {
    const { version, digest } = this.#head();
    return {
      outcome: this.#phase as Outcome,
      phase: this.#phase === "completed" ? "completed" : this.#decidedIn,
      epoch: this.#newestEpoch().epoch,
      versions: version,
      digest,
      spaceDigest: this.#spaceDigests.at(version),
      pauseMs: this.#pauseMs,
      precopySeconds: this.#precopyMs / 1000,
      bytes: this.#link?.peer.bytesSent ?? 0,
      reason: this.#reason,
    };
  }

  #names(): { readonly migration: string; readonly context: string } {
    return { migration: this.#migration, context: this.#context };
  }

  #head(): Point {
    return contextOf(this.#journal, this.#context).head;
  }

  #newestEpoch(): Epoch {
    return newestEpoch(this.#sealing);
  }

  get #sealing(): Sealing {
    return { journal: this.#journal, context: this.#context, migration: this.#migration };
  }
}

/** A failure of this host, which is not the destination's doing. */
function isLocal({ code }: IoasisError): boolean {
  return ["ERR_DISK", "ERR_DAMAGED", "ERR_INPUT", "ERR_USAGE", "ERR_NO_CONTEXT"].includes(code);
}

function unanswered(what: string, { peer }: SourceLink): IoasisError {
  return new IoasisError("ERR_NETWORK", `${peer.id} did not answer ${what} in time`, { peer: peer.id });
}
