/**
 * The live model of one context: the projection of its events, and what its driver remembers beside it.
 *
 * `execute` decides a call against the newest state and folds its events at once; whoever calls it makes
 * them durable or throws the model away. `fold` takes events from the journal: they are facts, nothing is
 * decided again, and a model that folded a history equals the one that made it.
 */
import type { Errno } from "../errno.ts";
import type { EventBatch } from "../event-batch.ts";
import type { JsonObject } from "../event-json.ts";
import type { IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import type { SavedModel } from "./saved-model.ts";

/** A call of the profile's own interface; which ones there are, its table of commands says. */
export interface ModelCommand {
  readonly command: string;
}

export interface ModelOutcome {
  readonly errno: Errno | null;
  /** What the ioctl returns where there is no errno; above 0 it is a failure all the same (sPAPR). */
  readonly returned: number;
  /** The kernel function that refuses, and what it found; null: done. */
  readonly rule: string | null;
  /** Of no event: a question, or a call that changed nothing. */
  readonly events: readonly IoasEvent[];
  /** What the kernel writes back; null: nothing. */
  readonly out: unknown;
  /** A mistake of the kernel that decides this outcome; null: none. */
  readonly bug: string | null;
}

export interface Model {
  readonly state: ContextState;
  /**
   * @throws JsonError that says what of it is no command of this profile
   */
  commandOf(json: JsonObject): ModelCommand;
  /** @throws IoasisError ERR_INPUT: the call needs something that nobody told of the host */
  execute(command: ModelCommand): ModelOutcome;
  /** Rows `[from, to)` of a batch of the journal. */
  fold(batch: EventBatch, from?: number, to?: number): void;
  /** For `resumeModel`: good until the model goes on. */
  save(): SavedModel;
}
