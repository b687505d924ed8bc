/** The model of sPAPR TCE containers against one recording of them. */

import { UNDEFINED_SHIFT, UNMAP_PAST_TABLE_END } from "../spapr/kernel-bugs.ts";
import { firstDifference } from "./compare.ts";
import type { ConformOptions, ConformReport, Disagreement } from "./conform-file.ts";
import { noCounts } from "./counts.ts";
import type { Recording, Step } from "./recording.ts";
import { followSpapr } from "./spapr-follow.ts";
import { SPAPR_CHECKED, type SpaprAnswer } from "./spapr-operations.ts";
import { SpaprReplay } from "./spapr-replay.ts";
import { SPAPR_FOLLOWED } from "./spapr-surroundings.ts";

/** Only recordings of POWER tell the machine. */
export function isSpapr({ meta }: Recording): boolean {
  return meta.has("machine") && meta.has("phb");
}

/** @throws IoasisError ERR_INPUT: a machine or a kernel without a model, a broken call */
export function conformSpapr({ meta, steps }: Recording, options: ConformOptions): ConformReport {
  const replay = new SpaprReplay(meta, options.kernel);
  const disagreed: Disagreement[] = [];
  const ignored = noCounts();
  const flagged: Record<string, number> = {};
  let agreed = 0;
  for (const step of steps) {
    const follow = SPAPR_FOLLOWED.get(step.op);
    if (follow !== undefined) {
      count(ignored, step.op);
      if (step.errno === 0) follow(step.in, replay);
      continue;
    }
    const answer = SPAPR_CHECKED.get(step.op)?.(step.in, replay);
    if (answer === undefined) {
      disagreed.push({ i: step.i, op: step.op, field: "op", expected: step.op, got: undefined });
      continue;
    }
    // Where else in the buffer bytes changed is what a stray TCE did, and no translation.
    const disagreement = firstDifference(step, answer, replay.state.isCorrupted ? ["hits"] : []);
    const verdict = judge(step, answer, disagreement, replay);
    if (verdict === "agreed") agreed++;
    else if (verdict === "ignored") count(ignored, step.op);
    else if (verdict !== "disagreed") count(flagged, verdict.bug);
    else if (disagreement !== null) disagreed.push(disagreement);
    goOn(step, answer, replay);
  }
  return { steps: steps.length, agreed, disagreed, ignored, flagged, host: meta.text("machine") };
}

type Verdict = "agreed" | "disagreed" | "ignored" | { readonly bug: string };

/** What depends on where a window ends. */
const ON_WINDOWS: ReadonlySet<string> = new Set(["map_dma", "unmap_dma", "tce_create", "tce_remove", "dma_write"]);

/** A bug whose outcome is the same every time is flagged only when the model told it. */
function judge({ op }: Step, { bug }: SpaprAnswer, disagreement: Disagreement | null, replay: SpaprReplay): Verdict {
  // What EEH finds is the PE's hardware state.
  if (op === "eeh_op" && replay.environment.platform.hasEeh) return "ignored";
  // What an earlier mistake of the kernel left of the accounting is not told by the calls.
  if (op === "locked" && disagreement !== null && replay.isChargeUnknown) return { bug: UNDEFINED_SHIFT.name };
  if (ON_WINDOWS.has(op) && disagreement !== null && replay.isWindowUnknown) return { bug: UNDEFINED_SHIFT.name };
  if (op === "locked" && disagreement !== null && replay.state.isCorrupted) return { bug: UNMAP_PAST_TABLE_END.name };
  if (bug !== null && (disagreement === null || !bug.isPredictable)) return { bug: bug.name };
  return disagreement === null ? "agreed" : "disagreed";
}

/** Folds what happened: what the model says of a call that it told right, else what the recording says. */
function goOn(step: Step, { errno, events, bug }: SpaprAnswer, replay: SpaprReplay): void {
  if (bug === UNDEFINED_SHIFT) {
    replay.isChargeUnknown = true;
    if (step.errno === 0) replay.isWindowUnknown = true;
  }
  if ((errno ?? 0) === step.errno) replay.apply(events);
  else if (step.errno === 0) replay.apply(followSpapr(step, replay));
}

function count(into: Record<string, number>, name: string): void {
  into[name] = (into[name] ?? 0) + 1;
}
