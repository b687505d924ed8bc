/** VFIO_IOMMU_MAP_DMA. */
import { firstFailing, guard, type Refusal } from "../decide/outcome.ts";
import { buildTces } from "./build-tces.ts";
import type { MapDma } from "./commands.ts";
import { draftOf, groundOf } from "./draft.ts";
import { driverCall, frameGuards } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import { makeDefaultWindow } from "./make-window.ts";
import { type Nothing, refusedBy, returning, type SpaprOutcome } from "./outcome.ts";
import { type SpaprState, slotOf, type WindowShape } from "./state.ts";

/** Up to the end of struct vfio_iommu_type1_dma_map. */
const ARG_BYTES = 32;
const READ_WRITE = 3;

export const NOT_ENABLED: Refusal = {
  errno: "EPERM",
  rule: "tce_iommu_ioctl: not enabled (v1: ENABLE, v2: the first REGISTER)",
};
export const NO_PENDING_GROUP: Refusal = { errno: "ENODEV", rule: "tce_iommu_create_default_window: no group" };
export const NO_WINDOW: Refusal = { errno: "ENXIO", rule: "tce_iommu_find_table: no window holds the bus address" };

const REQUEST = [
  ...frameGuards<MapDma>("VFIO_IOMMU_MAP_DMA", ARG_BYTES),
  guard<MapDma>("EINVAL", "tce_iommu_ioctl: unknown flag", ({ flags }) => (flags & ~READ_WRITE) !== 0),
];

interface Placed {
  readonly call: MapDma;
  readonly window: WindowShape;
}

const PLACE = [
  guard<Placed>(
    "EINVAL",
    "tce_iommu_ioctl: size or vaddr not whole pages of the window",
    ({ call: { size, userVa }, window }) => ((size | userVa) & pageMask(window)) !== 0n,
  ),
  guard<Placed>(
    "EINVAL",
    "tce_iommu_ioctl: neither READ nor WRITE",
    ({ call: { flags } }) => (flags & READ_WRITE) === 0,
  ),
];

export function mapDma(state: SpaprState, command: MapDma, environment: SpaprEnvironment): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (!driver.isEnabled) return refusedBy(NOT_ENABLED);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked);
  const forbidden = environment.policy?.mapRefusal(command.iova, command.size) ?? null;
  if (forbidden !== null) return refusedBy(forbidden);
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return refusedBy(NO_PENDING_GROUP);
  const { draft, created } = makeDefaultWindow(draftOf(state, ground), ground);
  if (typeof created !== "number") return refusedBy(created, draft.events);
  const slot = slotOf(draft.windows, command.iova);
  const window = draft.windows[slot];
  if (window === undefined || window === null) return refusedBy(NO_WINDOW, draft.events);
  const refusal = firstFailing(PLACE, { call: command, window });
  if (refusal !== null) return refusedBy(refusal, draft.events);
  // iommu_tce_put_param_check() is a truth value, and the ioctl returns it.
  if ((command.iova & pageMask(window)) !== 0n)
    return returning(1, "iommu_tce_put_param_check: iova not whole pages of the window", draft.events);
  const outcome = buildTces(state, { command, slot, window, driver, container: container.handle }, environment);
  return draft.events.length === 0 ? outcome : { ...outcome, events: [...draft.events, ...outcome.events] };
}

export function pageMask({ pageShift }: WindowShape): bigint {
  return (1n << BigInt(pageShift)) - 1n;
}
