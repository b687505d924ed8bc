/** The model against one recording of kernel calls: every step agrees, disagrees, or is not checked. */
import { hostTraits } from "../profile/host-traits.ts";
import { kernelProfile } from "../profile/kernel-profile.ts";
import { isSame } from "./compare.ts";
import type { Answer } from "./operation.ts";
import { CHECKED, FOLLOWED, REMEMBERED } from "./operations.ts";
import { type Recording, readRecording, type Step } from "./recording.ts";
import { Replay } from "./replay.ts";

export interface Disagreement {
  readonly i: number;
  readonly op: string;
  /** `errno`, or the name of a field of `out`. */
  readonly field: string;
  /** The recording's; undefined: not written. */
  readonly expected: unknown;
  /** The model's. */
  readonly got: unknown;
}

export interface ConformReport {
  readonly steps: number;
  readonly agreed: number;
  readonly disagreed: readonly Disagreement[];
  /** By operation: the outcome is not the model's to check, the effect was applied. */
  readonly ignored: Readonly<Record<string, number>>;
  /** By kernel bug that alone decides the outcome. */
  readonly flagged: Readonly<Record<string, number>>;
  /** The IOMMU that the real devices were taken to sit behind; null: there are none. */
  readonly host: string | null;
}

export interface ConformOptions {
  /** Release of the kernel to model; default: the recording's own. */
  readonly kernel?: string;
}

/**
 * Plays the calls of one file (meta line first) against the model.
 * @throws IoasisError ERR_INPUT: no such recording, a broken line, a kernel without a model
 */
export function conformFile(lines: Iterable<string>, options: ConformOptions = {}): ConformReport {
  const recording = readRecording(lines);
  if (!isIommufd(recording)) return unmodelled(recording);
  const profile = kernelProfile(options.kernel ?? recording.meta.text("kernel"));
  const { meta } = recording;
  if (!recording.steps.some(({ op }) => op === "vfio_bind")) return conform(recording, new Replay(meta, profile, null));
  // Which IOMMU a real device sits behind is an input that the recording leaves out: it is the one that explains most.
  return hostTraits(profile)
    .map((host) => conform(recording, new Replay(meta, profile, host)))
    .reduce((best, report) => (report.disagreed.length < best.disagreed.length ? report : best));
}

/** Only recordings of /dev/iommu describe the self-test's IOMMU. */
function isIommufd({ meta }: Recording): boolean {
  return meta.has("mock_io_page_size");
}

/** A recording of another interface (VFIO type1, sPAPR TCE): there is no model of it yet. */
function unmodelled({ steps }: Recording): ConformReport {
  const ignored: Record<string, number> = {};
  for (const { op } of steps) count(ignored, op);
  return { steps: steps.length, agreed: 0, disagreed: [], ignored, flagged: {}, host: null };
}

function conform({ steps }: Recording, replay: Replay): ConformReport {
  const disagreed: Disagreement[] = [];
  const ignored: Record<string, number> = {};
  let agreed = 0;
  for (const step of steps) {
    const checked = CHECKED.get(step.op);
    if (checked === undefined) {
      count(ignored, step.op);
      if (step.errno === 0) replay.apply(FOLLOWED.get(step.op)?.(step, replay) ?? []);
      continue;
    }
    const answer = checked.decide(step, replay);
    const disagreement = difference(step, answer);
    if (disagreement === null) {
      agreed++;
      replay.apply(answer.events);
    } else {
      disagreed.push(disagreement);
      if (step.errno === 0) replay.apply(checked.follow(step, replay));
    }
    if (step.errno === 0) REMEMBERED.get(step.op)?.(step, replay);
  }
  return { steps: steps.length, agreed, disagreed, ignored, flagged: {}, host: replay.host?.name ?? null };
}

/** The first field in which the model's answer is not the recorded one, errno first. */
function difference({ i, op, errno, out }: Step, answer: Answer): Disagreement | null {
  const got = answer.errno ?? 0;
  if (got !== errno) return { i, op, field: "errno", expected: errno, got };
  for (const field of new Set([...Object.keys(out), ...Object.keys(answer.out)])) {
    const [expected, model] = [out[field], answer.out[field]];
    if (!isSame(expected, model)) return { i, op, field, expected, got: model };
  }
  return null;
}

function count(into: Record<string, number>, name: string): void {
  into[name] = (into[name] ?? 0) + 1;
}
