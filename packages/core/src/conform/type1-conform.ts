/** The model of the VFIO type1 container against one recording of it. */

import { firstDifference } from "./compare.ts";
import type { ConformReport, Disagreement } from "./conform-file.ts";
import { noCounts } from "./counts.ts";
import type { Recording, Step } from "./recording.ts";
import { TYPE1_FOLLOWING } from "./type1-follow.ts";
import { TYPE1_CHECKED, type Type1Answer } from "./type1-operations.ts";
import { Type1Replay } from "./type1-replay.ts";
import { TYPE1_FOLLOWED } from "./type1-surroundings.ts";

/** Only recordings of the type1 driver tell its limit of mappings. */
export function isType1({ meta }: Recording): boolean {
  return meta.has("dma_entry_limit");
}

/** @throws IoasisError ERR_INPUT: an IOMMU without a model, a broken call */
export function conformType1({ meta, steps }: Recording): ConformReport {
  const replay = new Type1Replay(meta);
  const disagreed: Disagreement[] = [];
  const ignored = noCounts();
  const flagged: Record<string, number> = {};
  let agreed = 0;
  for (const step of steps) {
    const follow = TYPE1_FOLLOWED.get(step.op);
    if (follow !== undefined) {
      count(ignored, step.op);
      if (step.errno === 0) follow(step, replay);
      continue;
    }
    const answer = TYPE1_CHECKED.get(step.op)?.(step.in, replay);
    const disagreement = answer === undefined ? unknown(step) : firstDifference(step, answer);
    if (answer !== undefined && answer.bug !== null) count(flagged, answer.bug.name);
    else if (disagreement !== null) disagreed.push(disagreement);
    else agreed++;
    if (answer !== undefined) goOn(step, answer, replay);
  }
  return { steps: steps.length, agreed, disagreed, ignored, flagged, host: replay.environment.iommu.name };
}

/** Folds what happened: what the model says of a call that it told right, else what the recording says. */
function goOn({ op, errno, in: given }: Step, answer: Type1Answer, replay: Type1Replay): void {
  if ((answer.errno ?? 0) === errno) replay.apply(answer.events);
  else if (errno === 0) replay.apply(TYPE1_FOLLOWING.get(op)?.(given, replay) ?? []);
}

function unknown({ i, op }: Step): Disagreement {
  return { i, op, field: "op", expected: op, got: undefined };
}

function count(into: Record<string, number>, name: string): void {
  into[name] = (into[name] ?? 0) + 1;
}
