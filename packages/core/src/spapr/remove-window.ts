/** VFIO_IOMMU_SPAPR_TCE_REMOVE. */
import { firstFailing, type Refusal } from "../decide/outcome.ts";
import type { RemoveWindow } from "./commands.ts";
import { driverCall, frameGuards, NO_CALL, noFlags } from "./driver-call.ts";
import type { SpaprEvent } from "./events.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome } from "./outcome.ts";
import { type SpaprState, slotOf } from "./state.ts";

/** Up to the end of struct vfio_iommu_spapr_tce_remove. */
const ARG_BYTES = 16;
const REQUEST = [
  ...frameGuards<RemoveWindow>("VFIO_IOMMU_SPAPR_TCE_REMOVE", ARG_BYTES),
  noFlags<RemoveWindow>("VFIO_IOMMU_SPAPR_TCE_REMOVE"),
];
export const NO_GROUP: Refusal = { errno: "ENXIO", rule: "tce_iommu_ioctl: no group is in the container" };
const NO_WINDOW: Refusal = { errno: "EINVAL", rule: "tce_iommu_remove_window: no window holds the address" };

/** Any address inside names a window. A default window that is still pending has only the name 0. */
export function removeWindow(state: SpaprState, command: RemoveWindow): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 1) return refusedBy(NO_CALL);
  const tied: SpaprEvent = { type: "ProcessTied", container: container.handle };
  if (driver.groups.length === 0) return refusedBy(NO_GROUP, [tied]);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked, [tied]);
  if (driver.isDefaultPending && command.start === 0n)
    return done({}, [tied, { type: "DefaultWindowSettled", container: container.handle }]);
  const slot = slotOf(driver.windows, command.start);
  if (slot < 0) return refusedBy(NO_WINDOW, [tied]);
  return done({}, [tied, { type: "WindowRemoved", container: container.handle, slot }]);
}
