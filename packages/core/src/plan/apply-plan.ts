/** A plan is carried out on the model of a destination: all of it, or nothing. */
import { assert } from "../assert.ts";
import type { Refusal } from "../decide/outcome.ts";
import { callNames } from "./call-of.ts";
import { Destination } from "./destination.ts";
import { takeIommufdStep } from "./iommufd-destination.ts";
import type { Dialect, Plan, Step } from "./step.ts";
import { refuse, type Taken } from "./taken.ts";
import type { VfioDestination } from "./vfio-destination.ts";
import { takeVfioStep } from "./vfio-steps.ts";
import { takeVirtioStep, VirtioDestination } from "./virtio-destination.ts";

/** A model of iommufd, of VFIO's containers, of a virtual IOMMU. */
export type AnyDestination = Destination | VfioDestination | VirtioDestination;

const OTHER_DRIVER: Refusal = { errno: "ENOTTY", rule: "plan: the calls are another driver's than the destination's" };

export interface Applied {
  /** Calls made; 0 after a refusal, when they have been taken back. */
  readonly made: number;
  /** Steps whose outcome was there already. */
  readonly there: number;
  readonly refusal: PlanRefusal | null;
}

export interface PlanRefusal extends Refusal {
  /** Position in the plan, from 0. */
  readonly at: number;
  readonly call: string;
}

/**
 * Carries a plan out. At the first refusal everything that this plan did is taken back, the newest first, and
 * the destination is as before (its version and its unused handles have moved on).
 */
export function applyPlan({ dialect, steps }: Plan, destination: AnyDestination): Applied {
  const undos: (() => boolean)[] = [];
  let there = 0;
  for (const [at, step] of steps.entries()) {
    const taken = take(step, dialect, destination);
    if (taken.kind === "there") there++;
    else if (taken.kind === "done") undos.push(taken.undo);
    else {
      for (const undo of undos.reverse()) assert(undo(), "what was done last can be taken back");
      const { errno, rule } = taken;
      return { made: 0, there, refusal: { at, call: callNames(step, dialect)[0], errno, rule } };
    }
  }
  return { made: undos.length, there, refusal: null };
}

function take(step: Step, dialect: Dialect, to: AnyDestination): Taken {
  if (to instanceof Destination) return dialect === "iommufd" ? takeIommufdStep(step, to) : refuse(OTHER_DRIVER);
  if (to instanceof VirtioDestination)
    return dialect === "virtio-iommu" ? takeVirtioStep(step, to) : refuse(OTHER_DRIVER);
  return dialect === "iommufd" || dialect === "virtio-iommu" ? refuse(OTHER_DRIVER) : takeVfioStep(step, dialect, to);
}
