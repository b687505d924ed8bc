/** The model against one recording of kernel calls: every step agrees, disagrees, or is not checked. */

import { conformIommufd } from "./conform-iommufd.ts";
import { noCounts } from "./counts.ts";
import { type Recording, readRecording } from "./recording.ts";
import { conformSpapr, isSpapr } from "./spapr-conform.ts";
import { conformType1, isType1 } from "./type1-conform.ts";

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
  /** By operation, or operation and field: the outcome is not the model's to check, the effect was applied. */
  readonly ignored: Readonly<Record<string, number>>;
  /** By kernel bug that alone decides the outcome. */
  readonly flagged: Readonly<Record<string, number>>;
  /** The IOMMU that the real devices sit behind; null: there are none. */
  readonly host: string | null;
}

export interface ConformOptions {
  /** Release of the kernel to model; default: the recording's own. */
  readonly kernel?: string;
  /** The IOMMU behind real devices, by the name that a report gives it; default: what the recording's outcomes tell. */
  readonly host?: string;
}

/**
 * Plays the calls of one file (meta line first) against the model.
 * @throws IoasisError ERR_INPUT: no such recording, a broken line, a kernel or a host without a model
 */
export function conformFile(lines: Iterable<string>, options: ConformOptions = {}): ConformReport {
  const recording = readRecording(lines);
  if (isIommufd(recording)) return conformIommufd(recording, options);
  if (isType1(recording)) return conformType1(recording);
  if (isSpapr(recording)) return conformSpapr(recording, options);
  return unmodelled(recording);
}

/** Only recordings of /dev/iommu describe the self-test's IOMMU. */
function isIommufd({ meta }: Recording): boolean {
  return meta.has("mock_io_page_size");
}

/** A recording of another interface: there is no model of it. */
function unmodelled({ steps }: Recording): ConformReport {
  const ignored = noCounts();
  for (const { op } of steps) ignored[op] = (ignored[op] ?? 0) + 1;
  return { steps: steps.length, agreed: 0, disagreed: [], ignored, flagged: {}, host: null };
}
