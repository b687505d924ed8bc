/** How the operations of the recordings are played against the model. */
import type { Errno } from "../errno.ts";
import type { IoasEvent } from "../events.ts";
import type { Step } from "./recording.ts";
import type { Replay } from "./replay.ts";

/** The model's answer in the recording's words. */
export interface Answer {
  readonly errno: Errno | null;
  readonly out: Readonly<Record<string, unknown>>;
  readonly events: readonly IoasEvent[];
}

/** What a step did according to the recording: events to fold, after changes of the environment. */
export type Follow = (step: Step, replay: Replay) => readonly IoasEvent[];

/** An operation whose outcome the model decides. */
export interface Checked {
  readonly decide: (step: Step, replay: Replay) => Answer;
  /** What it did when the model decides otherwise: the replay goes on from the recording. */
  readonly follow: Follow;
}
