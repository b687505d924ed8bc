/** What a plan asks of the sPAPR TCE driver beside maps (VFIO_IOMMU_SPAPR_*). */
import { lengthOf } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { ModelCommand, ModelOutcome } from "../model/model.ts";
import type { TceInfo } from "../spapr/query-tce-info.ts";
import { slotOf } from "../spapr/state.ts";
import type { Space, Window } from "../state.ts";
import { DEFAULT_PAGE_BYTES, DYNAMIC_FROM } from "./other-frames.ts";
import type { Step } from "./step.ts";
import { refuse, refuseOutcome, type Taken, THERE } from "./taken.ts";
import type { VfioDestination } from "./vfio-destination.ts";

type StepOf<Op extends Step["op"]> = Extract<Step, { op: Op }>;
export type SpaprStep = StepOf<"enable" | "register" | "default-window" | "drop-default-window" | "window">;

const NOT_MADE: Refusal = { errno: "ENOENT", rule: "plan: an object of the plan has not been made here" };
const NO_ADDRESS: Refusal = { errno: "EFAULT", rule: "plan: the VMM has no memory for this source" };
const OTHER_DEFAULT: Refusal = { errno: "EINVAL", rule: "plan: the default window of this host is another" };
const ELSEWHERE: Refusal = { errno: "ENOSPC", rule: "plan: the kernel makes the window at another bus address" };
const IN_THE_WAY: Refusal = { errno: "EBUSY", rule: "plan: another window is in the way" };
const DEFAULT_PAGE_SHIFT = 12;
/** POWERNV_IOMMU_MAX_LEVELS */
const LEVELS_MAX = 5;

export function takeSpaprStep(step: SpaprStep, to: VfioDestination): Taken {
  const container = to.containers.get(step.space);
  const space = to.space(step.space);
  if (container === undefined || space === null) return refuse(NOT_MADE);
  switch (step.op) {
    case "enable":
      return enable(step, container, to);
    case "register":
      return register(step, container, to);
    case "default-window":
      return checkDefault(step, container, space, to);
    case "drop-default-window":
      return dropDefault(step, container, space, to);
    default:
      return create(step, container, space, to);
  }
}

/** Takes back by the call that undoes it. */
function done<Undo extends ModelCommand>(to: VfioDestination, undo: Undo): Taken {
  return {
    kind: "done",
    undo: () => {
      const { errno, returned } = to.call(undo);
      return errno === null && returned === 0;
    },
  };
}

function isRefused({ errno, returned }: ModelOutcome): boolean {
  return errno !== null || returned !== 0;
}

function enable({ space }: StepOf<"enable">, container: number, to: VfioDestination): Taken {
  if (to.spaprDriver(space)?.isEnabled === true) return THERE;
  const outcome = to.call({ command: "Enable", container });
  return isRefused(outcome) ? refuseOutcome(outcome) : done(to, { command: "Disable", container });
}

/** Each container counts a region for itself; the process pins and is charged for it once. */
function register({ space, va, length }: StepOf<"register">, container: number, to: VfioDestination): Taken {
  const userVa = to.addressOf({ kind: "va", va });
  if (userVa === null) return refuse(NO_ADDRESS);
  const isThere = to.state.registered.some((held) => held.va === userVa && held.length === length);
  if (isThere && to.spaprDriver(space)?.registered.has(userVa) === true) return THERE;
  const region = { container, userVa, size: length, flags: 0 };
  const outcome = to.call({ command: "RegisterMemory", ...region });
  return isRefused(outcome) ? refuseOutcome(outcome) : done(to, { command: "UnregisterMemory", ...region });
}

/** No call makes the default window: it comes with the first map, or with another window. */
function checkDefault(
  { space: handle, range, pageSize }: StepOf<"default-window">,
  container: number,
  space: Space,
  to: VfioDestination,
): Taken {
  if (to.spaprDriver(handle)?.isDefaultPending === false)
    return space.windows.some((window) => isSame(window, { ...range, pageSize })) ? THERE : refuse(OTHER_DEFAULT);
  const outcome = to.call({ command: "QueryTceInfo", container });
  if (isRefused(outcome)) return refuseOutcome(outcome);
  const { dma32Start, dma32Size } = outcome.out as TceInfo;
  const last = dma32Start + dma32Size - 1n;
  const isIt = pageSize === DEFAULT_PAGE_BYTES && range.first === dma32Start && range.last === last;
  return isIt ? THERE : refuse(OTHER_DEFAULT);
}

/**
 * While it is pending, 0 names it: then it never comes, and nothing brings it back but a new container. One that a map
 * has made already goes like every window.
 */
function dropDefault(
  { space: handle }: StepOf<"drop-default-window">,
  container: number,
  space: Space,
  to: VfioDestination,
): Taken {
  const isPending = to.spaprDriver(handle)?.isDefaultPending === true;
  const made = space.windows.find(({ first, pageSize }) => pageSize === DEFAULT_PAGE_BYTES && first < DYNAMIC_FROM);
  if (!isPending && made === undefined) return THERE;
  if (made !== undefined && space.areas.overlaps(made.first, made.last)) return refuse(IN_THE_WAY);
  const start = made?.first ?? 0n;
  const outcome = to.call({ command: "RemoveWindow", container, start, flags: 0 });
  if (isRefused(outcome)) return refuseOutcome(outcome);
  if (made === undefined) return { kind: "done", undo: () => true };
  const size = lengthOf(made.first, made.last);
  return done(to, { command: "CreateWindow", container, pageShift: DEFAULT_PAGE_SHIFT, size, levels: 1, flags: 0 });
}

/** The kernel chooses where it starts: by the slot that is free, which is why windows are made in order. */
function create(step: StepOf<"window">, container: number, space: Space, to: VfioDestination): Taken {
  const { range, pageSize } = step;
  if (space.windows.some((window) => isSame(window, { ...range, pageSize }))) return THERE;
  const windows = to.spaprDriver(step.space)?.windows ?? [];
  if (slotOf(windows, range.first) >= 0) return refuse(IN_THE_WAY);
  const pageShift = pageSize.toString(2).length - 1;
  const window = { container, pageShift, size: lengthOf(range.first, range.last), levels: 1, flags: 0 };
  let outcome = to.call({ command: "CreateWindow", ...window });
  // Bare metal has no memory for a large table in one piece: it takes one of several levels.
  for (let levels = 2; outcome.errno === "ENOMEM" && levels <= LEVELS_MAX; levels++)
    outcome = to.call({ command: "CreateWindow", ...window, levels });
  if (isRefused(outcome)) return refuseOutcome(outcome);
  const { start } = outcome.out as { readonly start: bigint };
  const remove = { command: "RemoveWindow", container, start, flags: 0 };
  if (start === range.first) return done(to, remove);
  to.call(remove);
  return refuse(ELSEWHERE);
}

function isSame(window: Window, { first, last, pageSize }: Window): boolean {
  return window.first === first && window.last === last && window.pageSize === pageSize;
}
