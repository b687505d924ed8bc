/** VFIO_IOMMU_UNMAP_DMA: clears pages. There are no mappings as objects, and nothing is told of what was there. */
import { firstFailing } from "../decide/outcome.ts";
import type { UnmapDma } from "./commands.ts";
import { draftOf, groundOf } from "./draft.ts";
import { driverCall, frameGuards, noFlags } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { UNMAP_PAST_TABLE_END } from "./kernel-bugs.ts";
import { makeDefaultWindow } from "./make-window.ts";
import { NO_PENDING_GROUP, NO_WINDOW, NOT_ENABLED, pageMask } from "./map-dma.ts";
import { done, type Nothing, refusedBy, returning, type SpaprOutcome, suspect } from "./outcome.ts";
import { type SpaprState, slotOf, type WindowShape } from "./state.ts";

/** Up to the end of struct vfio_iommu_type1_dma_unmap. */
const ARG_BYTES = 24;
const REQUEST = [
  ...frameGuards<UnmapDma>("VFIO_IOMMU_UNMAP_DMA", ARG_BYTES),
  noFlags<UnmapDma>("VFIO_IOMMU_UNMAP_DMA"),
];

export function unmapDma(state: SpaprState, command: UnmapDma, environment: SpaprEnvironment): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (!driver.isEnabled) return refusedBy(NOT_ENABLED);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked);
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return refusedBy(NO_PENDING_GROUP);
  const { draft, created } = makeDefaultWindow(draftOf(state, ground), ground);
  if (typeof created !== "number") return refusedBy(created, draft.events);
  const slot = slotOf(draft.windows, command.iova);
  const window = draft.windows[slot];
  if (window === undefined || window === null) return refusedBy(NO_WINDOW, draft.events);
  const { iova, size } = command;
  if ((size & pageMask(window)) !== 0n)
    return refusedBy({ errno: "EINVAL", rule: "tce_iommu_ioctl: size not whole pages of the window" }, draft.events);
  const shift = BigInt(window.pageShift);
  const entry = Number((iova - window.start) >> shift);
  const pages = Number(size >> shift);
  const isOver = environment.platform.unmapChecksLastPage && entry + pages > window.entries;
  if ((iova & pageMask(window)) !== 0n || isOver)
    return returning(1, "iommu_tce_clear_param_check: iova not whole pages, or not inside the window", draft.events);
  return clear(command, { container: container.handle, slot, window, entry, pages }, draft.events, environment);
}

interface Part {
  readonly container: number;
  readonly slot: number;
  readonly window: WindowShape;
  readonly entry: number;
  readonly pages: number;
}

/** tce_iommu_clear: the firmware refuses what is past its window; memory does not. */
function clear(
  { iova }: UnmapDma,
  { container, slot, window, entry, pages }: Part,
  before: readonly SpaprEvent[],
  { platform }: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const inside = Math.min(pages, window.firmwareEntries - entry);
  if (inside === 0) return done({}, before);
  const last = iova + (BigInt(inside) << BigInt(window.pageShift)) - 1n;
  const events: SpaprEvent[] = [...before, { type: "TcesCleared", container, slot, first: iova, last }];
  if (platform.machine === "pseries" || inside === pages) return done({}, events);
  return suspect(done({}, [...events, { type: "MemoryCorrupted" }]), UNMAP_PAST_TABLE_END);
}
