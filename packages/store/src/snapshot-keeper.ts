/**
 * Takes snapshots: when the policy says so, when asked, and at the end.
 *
 * A snapshot needs state and digest of one version, but the digest runs ahead with what is
 * accepted while the state follows what is durable. So the digest is put by at the moment of the
 * wish, and the state is added when the disk has caught up with it: a copy that costs nothing to
 * make, and is encoded in steps between which appends go on.
 */
import { setImmediate } from "node:timers/promises";
import { snapshotSteps } from "@ioasis/codec";
import type { ContextState } from "@ioasis/core";
import type { ContextLog } from "./context-log.ts";
import { SNAPSHOT_BLOCK_WORK, SNAPSHOT_CLOSE_WORK, SNAPSHOT_WORK } from "./limits.ts";
import type { Replay } from "./replay.ts";
import type { SnapshotStore } from "./snapshot-store.ts";

/** Where a snapshot was made or wished for: the version, and the frames of the context up to there. */
interface Kept {
  readonly version: number;
  readonly sequence: number;
}

interface Wish {
  readonly version: number;
  readonly digest: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SnapshotKeeper {
  readonly #store: SnapshotStore;
  readonly #replay: Replay;
  readonly #wishes = new Map<ContextLog, Wish[]>();
  readonly #newest = new Map<ContextLog, Kept>();
  /** Snapshots that are being written, by context: the policy waits for them. */
  readonly #saving = new Map<ContextLog, Promise<unknown>>();

  constructor(store: SnapshotStore, replay: Replay) {
    this.#store = store;
    this.#replay = replay;
  }

  /** To be called when a block was accepted. */
  afterAccept(context: ContextLog): void {
    const work = this.#workBehind(context);
    if (work < SNAPSHOT_WORK || work < (context.live?.liveMappings ?? 0) / 2 || this.#saving.has(context)) return;
    // The journal does without: replay then begins further back.
    this.take(context).catch(() => undefined);
  }

  /** What a clean end adds. */
  async finish(contexts: Iterable<ContextLog>): Promise<void> {
    for (const context of contexts)
      if (context.damagedFrom === null && this.#workBehind(context) > SNAPSHOT_CLOSE_WORK)
        await this.take(context).catch(() => undefined);
    await Promise.allSettled(this.#saving.values());
  }

  /** What it is to replay the events of the context that are newer than its newest snapshot. */
  #workBehind(context: ContextLog): number {
    const { tail } = context;
    const { version, sequence } = this.#newest.get(context) ?? this.#lookUp(context);
    return tail.version - version + SNAPSHOT_BLOCK_WORK * (tail.sequence - sequence);
  }

  /** The newest snapshot of before this opening. */
  #lookUp(context: ContextLog): Kept {
    const version = this.#store.versions(context.id).at(-1) ?? 0;
    const sequence = this.#replay.framesUpTo(context, version);
    const kept = sequence === null ? { version: 0, sequence: 0 } : { version, sequence };
    this.#newest.set(context, kept);
    return kept;
  }

  /** To be called when a block of the context became durable and its live state has it. */
  afterDurable(context: ContextLog): void {
    const wishes = this.#wishes.get(context);
    if (wishes === undefined) return;
    this.#wishes.set(
      context,
      wishes.filter((wish) => wish.version > context.version),
    );
    for (const wish of wishes) if (wish.version <= context.version) this.#grant(context, wish);
  }

  /** Resolves when a snapshot of everything accepted so far is saved. */
  take(context: ContextLog): Promise<void> {
    const { tail } = context;
    if (tail.version === 0) return Promise.resolve();
    tail.feeding ??= this.#replay.feeding(context, tail.version);
    const { version, sequence, feeding } = tail;
    this.#newest.set(context, { version, sequence });
    return new Promise((resolve, reject) => {
      const wish = { version, digest: feeding.save(), resolve, reject };
      this.#wishes.set(context, [...(this.#wishes.get(context) ?? []), wish]);
      this.afterDurable(context);
    });
  }

  #grant(context: ContextLog, { version, digest, resolve, reject }: Wish): void {
    try {
      context.live ??= this.#replay.state(context, context.version);
      const before = this.#saving.get(context);
      const saving = this.#save(context.id, version, context.live.snapshot(), digest, before)
        .then(resolve, reject)
        .finally(() => this.#saving.get(context) === saving && this.#saving.delete(context));
      this.#saving.set(context, saving);
    } catch (error) {
      reject(error);
    }
  }

  async #save(
    contextId: string,
    version: number,
    state: ContextState,
    digest: Uint8Array,
    before: Promise<unknown> | undefined,
  ): Promise<void> {
    await before;
    const steps = snapshotSteps({ contextId, state, digest });
    for (;;) {
      const step = steps.next();
      if (step.done === true) return this.#store.save(contextId, version, step.value);
      await setImmediate();
    }
  }
}
