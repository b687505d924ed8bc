/** VFIO_IOMMU_ENABLE and VFIO_IOMMU_DISABLE, of v1 only (tce_iommu_enable, tce_iommu_disable). */
import type { Refusal } from "../decide/outcome.ts";
import { chargeRefusal } from "./accounting.ts";
import type { CommandOf } from "./commands.ts";
import { groundOf } from "./draft.ts";
import { driverCall, NO_CALL } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome } from "./outcome.ts";
import type { SpaprState } from "./state.ts";

const TWICE: Refusal = { errno: "EBUSY", rule: "tce_iommu_enable: it is enabled" };
const NO_GROUP: Refusal = { errno: "ENODEV", rule: "tce_iommu_enable: no group is in the container" };

/** Charges the whole 32-bit window: the most that can be mapped. */
export function enable(
  state: SpaprState,
  command: CommandOf<"Enable">,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 2) return refusedBy(NO_CALL);
  if (driver.isEnabled) return refusedBy(TWICE);
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return refusedBy(NO_GROUP);
  const tied: SpaprEvent = { type: "ProcessTied", container: container.handle };
  const chargedPages = ground.pe.dma32Size >> BigInt(environment.platform.pageShift);
  const overLimit = chargeRefusal(state.lockedPages, chargedPages, environment);
  if (overLimit !== null) return refusedBy(overLimit, [tied]);
  return done({}, [tied, { type: "ContainerEnabled", container: container.handle, chargedPages }]);
}

/** Always succeeds; mappings stay. */
export function disable(state: SpaprState, command: CommandOf<"Disable">): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 2) return refusedBy(NO_CALL);
  return done({}, [{ type: "ContainerDisabled", container: container.handle }]);
}
