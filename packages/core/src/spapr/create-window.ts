/** VFIO_IOMMU_SPAPR_TCE_CREATE. */
import { firstFailing } from "../decide/outcome.ts";
import type { CreateWindow } from "./commands.ts";
import { draftOf, groundOf } from "./draft.ts";
import { driverCall, frameGuards, NO_CALL, noFlags } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { makeDefaultWindow, makeWindow } from "./make-window.ts";
import { done, refusedBy, type SpaprOutcome, suspect } from "./outcome.ts";
import { NO_GROUP } from "./remove-window.ts";
import type { SpaprState } from "./state.ts";

/** Up to the end of struct vfio_iommu_spapr_tce_create. */
const ARG_BYTES = 40;
const REQUEST = [
  ...frameGuards<CreateWindow>("VFIO_IOMMU_SPAPR_TCE_CREATE", ARG_BYTES),
  noFlags<CreateWindow>("VFIO_IOMMU_SPAPR_TCE_CREATE"),
];

/** Writes back where the window starts: the kernel chooses. */
export function createWindow(
  state: SpaprState,
  command: CreateWindow,
  environment: SpaprEnvironment,
): SpaprOutcome<{ readonly start: bigint }> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 1) return refusedBy(NO_CALL);
  const tied: SpaprEvent = { type: "ProcessTied", container: container.handle };
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return refusedBy(NO_GROUP, [tied]);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked, [tied]);
  const first = makeDefaultWindow(draftOf(state, ground), ground);
  const step = typeof first.created === "number" ? makeWindow(first.draft, ground, command) : first;
  const events = [tied, ...step.draft.events];
  if (typeof step.created !== "number") return suspect(refusedBy(step.created, events), step.bug);
  const start = step.draft.windows[step.created]?.start ?? 0n;
  const foreign = environment.policy?.windowRefusal(start, start + command.size - 1n) ?? null;
  return foreign === null ? suspect(done({ start }, events), step.bug) : refusedBy(foreign);
}
