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
  /** For each mapping among the events: the version of the MAP whose pages it shares, where it is a copy. */
  readonly copies?: readonly (number | null)[];
  /** What it changes beside the state, after the events: done when the recording agrees. */
  readonly remember?: () => void;
}

/** What a step did according to the recording: events to fold, after changes of the environment. */
export type Follow = (step: Step, replay: Replay) => readonly IoasEvent[];

/** An operation whose outcome the model decides. */
export interface Checked {
  readonly decide: (step: Step, replay: Replay) => Answer;
  /** What it did when the model decides otherwise: the replay goes on from the recording. */
  readonly follow: Follow;
  /** Fields of `out` that the calls do not decide in this step, with the name they are counted under. */
  readonly unchecked?: (step: Step, replay: Replay) => Unchecked | null;
}

export interface Unchecked {
  readonly name: string;
  readonly fields: readonly string[];
}

/** The answer of an operation that writes nothing. */
export function plain({ errno, events }: { errno: Errno | null; events: readonly IoasEvent[] }): Answer {
  return { errno, events, out: {} };
}

export const NOTHING: Follow = () => [];
