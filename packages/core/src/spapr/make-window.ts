/** tce_iommu_create_window and tce_iommu_create_default_window. */
import type { Refusal } from "../decide/outcome.ts";
import { chargeRefusal } from "./accounting.ts";
import type { Draft, Ground, Step } from "./draft.ts";
import type { SpaprEvent } from "./events.ts";
import { UNDEFINED_SHIFT } from "./kernel-bugs.ts";
import { isUndefined, powernvTable, powernvTableBytes } from "./powernv-table.ts";
import { pseriesTable, pseriesTableBytes } from "./pseries-table.ts";
import type { TableRequest } from "./table-request.ts";

const NO_SLOT: Refusal = { errno: "ENOSPC", rule: "tce_iommu_find_free_table: both windows are there" };
const NO_PAGE_SIZE: Refusal = { errno: "EINVAL", rule: "tce_iommu_create_window: the PE has no such pages" };
const NO_TABLE: Refusal = { errno: "EINVAL", rule: "tce_iommu_create_table: the table has no size" };
const ONE_GROUP: Refusal = { errno: "EPERM", rule: "spapr_tce_set_window: a table of another group" };
const SHIFT_MAX = 63;
const DEFAULT_PAGE_SHIFT = 12;

export interface Wanted {
  readonly pageShift: number;
  readonly size: bigint;
  readonly levels: number;
}

/** The default window, where one is pending. `created` is -1 where none is. */
export function makeDefaultWindow(draft: Draft, ground: Ground): Step {
  if (!ground.driver.isDefaultPending) return { draft, created: -1, bug: null };
  const wanted = { pageShift: DEFAULT_PAGE_SHIFT, size: ground.pe.dma32Size, levels: 1 };
  const step = makeWindow(draft, ground, wanted);
  if (typeof step.created !== "number") return step;
  const settled: SpaprEvent = { type: "DefaultWindowSettled", container: ground.container };
  return { ...step, draft: { ...step.draft, events: [...step.draft.events, settled] } };
}

export function makeWindow(draft: Draft, ground: Ground, wanted: Wanted): Step {
  const refuse = (created: Refusal): Step => ({ draft, created, bug: null });
  const slot = draft.windows.indexOf(null);
  if (slot < 0) return refuse(NO_SLOT);
  const { pe, environment } = ground;
  if (wanted.pageShift > SHIFT_MAX || ((pe.pageSizes >> BigInt(wanted.pageShift)) & 1n) === 0n)
    return refuse(NO_PAGE_SIZE);
  const kernelPageShift = environment.platform.pageShift;
  const { windows, isPoisoned } = draft;
  const { pageShift, size, levels } = wanted;
  const request: TableRequest = { slot, pageShift, size, levels, pe, isPoisoned, windows, kernelPageShift };
  const isLpar = environment.platform.machine === "pseries";
  const bytes = isLpar ? pseriesTableBytes(request) : powernvTableBytes(request);
  if (bytes === 0n) return { ...refuse(NO_TABLE), bug: !isLpar && isUndefined(request) ? UNDEFINED_SHIFT : null };
  const pages = bytes >> BigInt(kernelPageShift);
  const overLimit = chargeRefusal(draft.lockedPages, pages, environment);
  return overLimit === null ? createTable(draft, ground, request, pages) : refuse(overLimit);
}

/** The charge of a refused table stays; that of one that not every group takes goes back. */
function createTable(draft: Draft, ground: Ground, request: TableRequest, pages: bigint): Step {
  const { container, peNumber, driver, environment } = ground;
  const isLpar = environment.platform.machine === "pseries";
  const table = isLpar ? pseriesTable(request) : powernvTable(request);
  const lockedPages = draft.lockedPages + pages;
  if ("refusal" in table) {
    const events: SpaprEvent[] = [...draft.events, { type: "ChargeKept", pages }];
    if (table.poisons) events.push({ type: "PePoisoned", pe: peNumber });
    const isPoisoned = draft.isPoisoned || table.poisons;
    return { draft: { ...draft, lockedPages, isPoisoned, events }, created: table.refusal, bug: table.bug };
  }
  if (isLpar && driver.groups.length > 1) return { draft, created: ONE_GROUP, bug: null };
  const { slot } = request;
  const event: SpaprEvent = { type: "WindowCreated", container, slot, shape: table };
  const windows = draft.windows.with(slot, table);
  return { draft: { ...draft, windows, lockedPages, events: [...draft.events, event] }, created: slot, bug: null };
}
