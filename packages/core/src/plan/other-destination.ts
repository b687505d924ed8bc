/**
 * The steps of a plan on a model of VFIO's containers and of a virtual IOMMU, as far as a fresh one decides
 * them: what is mapped already, what is reserved, and on sPAPR what no window translates.
 */
import { byteLength, lengthOf } from "../address.ts";
import { FreeIds } from "../decide/objects.ts";
import type { Refusal } from "../decide/outcome.ts";
import { firstFailing, guard } from "../decide/outcome.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import { overlaps } from "../range.ts";
import { attachmentKey, type Space } from "../state.ts";
import type { Destination } from "./destination.ts";
import type { Dialect, Step } from "./step.ts";
import { type Done, refuse, type Taken, THERE } from "./taken.ts";
import { hasArea } from "./there.ts";

type StepOf<Op extends Step["op"]> = Extract<Step, { op: Op }>;

interface Mapping extends StepOf<"map"> {
  readonly held: Space;
  readonly dialect: Dialect;
}

const isSpapr = (dialect: Dialect): boolean => dialect === "spapr-tce" || dialect === "spapr-tce-v2";

/** vfio_iommu_type1.c, vfio_iommu_spapr_tce.c; virtio-iommu: section "MAP request" of the specification. */
const MAP = [
  guard<Mapping>("EINVAL", "vfio_dma_do_map: neither READ nor WRITE", ({ prot }) => prot === "unknown"),
  guard<Mapping>("EEXIST", "vfio_dma_do_map: the range is mapped", ({ held, range }) =>
    held.areas.overlaps(range.first, range.last),
  ),
  guard<Mapping>("EINVAL", "vfio_iommu_iova_dma_valid: the range is reserved", ({ held, range }) =>
    held.reservations.some((reserved) => overlaps(reserved, range)),
  ),
  guard<Mapping>(
    "EINVAL",
    "tce_iommu_find_table: no window has the range",
    ({ held, range, dialect }) =>
      isSpapr(dialect) &&
      held.windows.length > 0 &&
      !held.windows.some(({ first, last }) => first <= range.first && range.last <= last),
  ),
];

const NOT_MADE: Refusal = { errno: "ENOENT", rule: "plan: an object of the plan has not been made here" };
const ELSEWHERE: Refusal = { errno: "EBUSY", rule: "plan: the device is attached to something else" };
const WINDOW: Refusal = { errno: "ENOSPC", rule: "plan: another window is in the way" };
const NO_CALL: Refusal = { errno: "ENOTTY", rule: "plan: this driver has no such call" };

export function takeOtherStep(step: Step, dialect: Dialect, to: Destination): Taken {
  switch (step.op) {
    case "space":
      return makeSpace(step, to);
    case "attach":
      return attach(step, to);
    case "register":
      return register(step, to);
    case "window":
      return makeWindow(step, to);
    case "map":
      return map(step, dialect, to);
    default:
      return refuse(NO_CALL);
  }
}

function done(to: Destination, events: readonly IoasEvent[], inverse: readonly IoasEvent[]): Done {
  to.fold(events);
  return {
    kind: "done",
    undo: () => {
      to.fold(inverse);
      return true;
    },
  };
}

/** VFIO_SET_IOMMU of a container that its groups have made, or a container or domain without any. */
function makeSpace({ space }: StepOf<"space">, to: Destination): Taken {
  const held = to.space(space);
  if (held !== null && to.configured.has(held.handle)) return THERE;
  const events = held === null ? spaceEvents(space, to) : [];
  const ioas = to.spaces.get(space) ?? 0;
  to.configured.add(ioas);
  const { undo } = done(to, events, held === null ? [{ type: "IoasDestroyed", ioas }] : []);
  return { kind: "done", undo: () => to.configured.delete(ioas) && undo() };
}

function spaceEvents(space: IoasHandle, to: Destination): IoasEvent[] {
  const ioas = to.state.spaces.length;
  to.spaces.set(space, ioas);
  const reserved = (to.reserved.get(space) ?? []).map(
    ({ first, last }): IoasEvent => ({ type: "IovaReserved", ioas, owner: "host", iova: first, last }),
  );
  return [{ type: "IoasAllocated", ioas, kernelId: new FreeIds(to.state).take() }, ...reserved];
}

/** The first group or endpoint of a container or domain makes it. */
function attach({ device, pasid, space }: StepOf<"attach">, to: Destination): Taken {
  const target = space === null ? null : to.space(space);
  const held = to.state.attachments.get(attachmentKey(device, pasid));
  if (held !== undefined) return held.ioas === (target?.handle ?? null) ? THERE : refuse(ELSEWHERE);
  const isNew = space !== null && target === null;
  const events = isNew ? spaceEvents(space, to) : [];
  const ioas = space === null ? null : (to.spaces.get(space) ?? null);
  const gone: IoasEvent[] = isNew && ioas !== null ? [{ type: "IoasDestroyed", ioas }] : [];
  return done(
    to,
    [...events, { type: "DeviceAttached", device, pasid, ioas, hwpt: null }],
    [{ type: "DeviceDetached", device, pasid }, ...gone],
  );
}

function register({ va, length }: StepOf<"register">, to: Destination): Taken {
  const range = { va, length: byteLength(length) };
  if (to.state.registered.some((held) => held.va === va && held.length === length)) return THERE;
  return done(to, [{ type: "MemoryRegistered", ...range }], [{ type: "MemoryUnregistered", ...range }]);
}

function makeWindow({ space, range, pageSize }: StepOf<"window">, to: Destination): Taken {
  const held = to.space(space);
  if (held === null) return refuse(NOT_MADE);
  const { first, last } = range;
  if (held.windows.some((window) => window.first === first && window.last === last && window.pageSize === pageSize))
    return THERE;
  if (held.windows.some((window) => overlaps(window, range))) return refuse(WINDOW);
  const window = { ioas: held.handle, iova: first, last } as const;
  return done(to, [{ type: "WindowCreated", ...window, pageSize }], [{ type: "WindowRemoved", ...window }]);
}

function map(step: StepOf<"map">, dialect: Dialect, to: Destination): Taken {
  const held = to.space(step.space);
  if (held === null) return refuse(NOT_MADE);
  const { range, prot, source } = step;
  if (hasArea(held, range, prot, source)) return THERE;
  const refusal = firstFailing(MAP, { ...step, held, dialect });
  if (refusal !== null) return refuse(refusal);
  const place = { ioas: held.handle, iova: range.first, last: range.last } as const;
  const bytes = lengthOf(range.first, range.last);
  return done(to, [{ type: "IovaMapped", ...place, prot, source }], [{ type: "IovaUnmapped", ...place, bytes }]);
}
