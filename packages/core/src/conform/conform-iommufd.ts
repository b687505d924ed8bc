/** The model against a recording of /dev/iommu. */

import { IoasisError } from "../failure.ts";
import { type HostTraits, hostTraits } from "../profile/host-traits.ts";
import { type KernelProfile, kernelProfile } from "../profile/kernel-profile.ts";
import { firstDifference } from "./compare.ts";
import type { ConformOptions, ConformReport, Disagreement } from "./conform-file.ts";
import { noCounts } from "./counts.ts";
import type { Answer, Checked } from "./operation.ts";
import { CHECKED, IGNORED, REMEMBERED } from "./operations.ts";
import type { Recording, Step } from "./recording.ts";
import { Replay } from "./replay.ts";

/**
 * The IOMMU behind real devices is an input that a recording leaves out. Where `options` do not name it,
 * the outcomes that differ from one known IOMMU to the next tell it, once each: an IOMMU that a step
 * rules out, while another explains the step, is out for good.
 * @throws IoasisError ERR_INPUT: a kernel or a host without a model, a call that lacks an argument
 */
export function conformIommufd(recording: Recording, options: ConformOptions): ConformReport {
  const profile = kernelProfile(options.kernel ?? recording.meta.text("kernel"));
  const hosts = hostsOf(recording, profile, options.host);
  return new Referee(hosts.map((host) => new Replay(recording.meta, profile, host))).report(recording);
}

function hostsOf({ steps }: Recording, profile: KernelProfile, name?: string): readonly (HostTraits | null)[] {
  const known = hostTraits(profile);
  const named = name === undefined ? known : known.filter((host) => host.name === name);
  if (named.length === 0) {
    const names = known.map((host) => `"${host.name}"`).join(", ");
    throw new IoasisError("ERR_INPUT", `no model of the IOMMU "${name}" on Linux ${profile.release}: one of ${names}`);
  }
  return steps.some(({ op }) => op === "vfio_open" || op === "vfio_bind") ? named : [null];
}

const NONE: readonly string[] = [];

/** One way that a step is answered. */
interface Played {
  readonly replay: Replay;
  readonly answer: Answer;
  readonly disagreement: Disagreement | null;
}

class Referee {
  #replays: readonly Replay[];
  readonly #disagreed: Disagreement[] = [];
  readonly #ignored = noCounts();
  #agreed = 0;

  constructor(replays: readonly Replay[]) {
    this.#replays = replays;
  }

  report({ steps }: Recording): ConformReport {
    for (const step of steps) {
      const checked = CHECKED.get(step.op);
      if (checked !== undefined) this.#judge(step, checked);
      else if (IGNORED.has(step.op)) this.#ignore(step.op);
      else this.#disagreed.push({ i: step.i, op: step.op, field: "op", expected: step.op, got: undefined });
    }
    const names = this.#replays.flatMap(({ host }) => host?.name ?? []);
    const [agreed, disagreed, ignored] = [this.#agreed, this.#disagreed, this.#ignored];
    const host = names.length === 0 ? null : names.join(" or ");
    return { steps: steps.length, agreed, disagreed, ignored, flagged: {}, host };
  }

  #judge(step: Step, checked: Checked): void {
    const kept = this.#explain(step, checked);
    const [first] = kept;
    if (first === undefined) return;
    if (first.disagreement !== null) this.#disagreed.push(first.disagreement);
    else this.#accept(step, checked, first.replay);
    for (const one of kept) goOn(step, checked, one);
  }

  /** The answers that the recording bears out; all of them where none is. */
  #explain(step: Step, checked: Checked): readonly Played[] {
    const played = this.#replays.map((replay) => play(step, checked, replay));
    if (played.length === 1) return played;
    const right = played.filter(({ disagreement }) => disagreement === null);
    if (right.length === 0 || right.length === played.length) return played;
    this.#replays = right.map(({ replay }) => replay);
    return right;
  }

  /** A step with a field that the calls do not decide is not counted as agreed, whatever else of it was compared. */
  #accept(step: Step, checked: Checked, replay: Replay): void {
    const unchecked = checked.unchecked?.(step, replay) ?? null;
    if (unchecked?.fields.some((field) => step.out[field] !== undefined)) this.#ignore(unchecked.name);
    else this.#agreed++;
  }

  #ignore(name: string): void {
    this.#ignored[name] = (this.#ignored[name] ?? 0) + 1;
  }
}

function play(step: Step, checked: Checked, replay: Replay): Played {
  const answer = checked.decide(step, replay);
  const unchecked = checked.unchecked?.(step, replay)?.fields ?? NONE;
  return { replay, answer, disagreement: firstDifference(step, answer, unchecked) };
}

/** The replay goes on from what the model decided, or from the recording where that says otherwise. */
function goOn(step: Step, checked: Checked, { replay, answer, disagreement }: Played): void {
  if (disagreement === null) {
    replay.apply(answer.events, answer.copies);
    answer.remember?.();
  } else if (step.errno === 0) replay.apply(checked.follow(step, replay));
  if (step.errno === 0) REMEMBERED.get(step.op)?.(step, replay);
}
