/** VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY (tce_iommu_unregister_pages). */
import { firstFailing, type Refusal } from "../decide/outcome.ts";
import type { UnregisterMemory } from "./commands.ts";
import { driverCall, NO_CALL } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome } from "./outcome.ts";
import { NOT_WHOLE_PAGES, REGION_REQUEST } from "./register-memory.ts";
import type { SpaprState } from "./state.ts";

const NO_MM: Refusal = { errno: "EPERM", rule: "tce_iommu_ioctl: no call tied the container to a process yet" };
const NO_REGION: Refusal = { errno: "ENOENT", rule: "mm_iommu_get: no region has this start and size" };
const NOT_MINE: Refusal = { errno: "ENOENT", rule: "tce_iommu_unregister_pages: another container registered it" };

/** Succeeds although TCEs still point there; then the region stays in the process and leaves the container. */
export function unregisterMemory(
  state: SpaprState,
  command: UnregisterMemory,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 1) return refusedBy(NO_CALL);
  if (!driver.hasMm) return refusedBy(NO_MM);
  const pageMask = (1n << BigInt(environment.platform.pageShift)) - 1n;
  const { userVa, size } = command;
  const asked = firstFailing(REGION_REQUEST, command) ?? firstFailing([NOT_WHOLE_PAGES], { userVa, size, pageMask });
  if (asked !== null) return refusedBy(asked);
  const region = state.regions.exact(userVa, size);
  if (region === null) return refusedBy(NO_REGION);
  if (!driver.registered.has(region.va)) return refusedBy(NOT_MINE);
  return done({}, [{ type: "RegionUnregistered", container: container.handle, va: region.va }]);
}
