/** Windows of an LPAR (arch/powerpc/platforms/pseries/iommu.c): the firmware makes and keeps them. */
import { firstFailing, guard, type Refusal } from "../decide/outcome.ts";
import type { WindowShape } from "./state.ts";
import type { TableRefusal, TableRequest } from "./table-request.ts";

/** A multi-level table is refused, but only after ~0U bytes of it were charged. */
const MULTI_LEVEL_BYTES = 0xffff_ffffn;
/** Largest block of TCEs that QEMU's ibm,query-pe-dma-window tells. */
const BLOCK_ENTRIES_MAX = 1n << 37n;
/** What QEMU's ibm,create-pe-dma-window makes: its count has 32 bits. */
const FIRMWARE_ENTRIES_MAX = (1n << 32n) - 1n;
const DEFAULT_PAGE_SHIFT = 12;

/** spapr_tce_get_table_size */
export function pseriesTableBytes({ pageShift, size, levels }: TableRequest): bigint {
  return levels > 1 ? MULTI_LEVEL_BYTES : size >> BigInt(pageShift - 3);
}

const SHAPE = guard<TableRequest>(
  "EINVAL",
  "spapr_tce_create_table: no power of two, or several levels",
  ({ size, levels }) => !isPowerOfTwo(size) || levels > 1,
);
const POISONED = guard<TableRequest>(
  "ENODEV",
  "spapr_tce_create_table: the PE is in failed_ddw_pdn_list",
  ({ isPoisoned }) => isPoisoned,
);
const SECOND_DYNAMIC = guard<TableRequest>(
  "EPERM",
  "spapr_tce_create_table: window 0 while a dynamic window exists",
  (request) => request.slot === 0 && hasDynamic(request) && !(isDefault(request) && !request.pe.hasDynamicWindows),
);

/** What the firmware is asked: `poisons` when its refusal is remembered. */
const NOT_APPLICABLE: Refusal = { errno: "EINVAL", rule: "spapr_tce_create_table: no ibm,ddw-applicable" };
const BLOCK = guard<TableRequest>(
  "EINVAL",
  "spapr_tce_create_table: query_ddw offers fewer TCEs, or the window is smaller than a page",
  (request) => entriesOf(request) > BLOCK_ENTRIES_MAX || entriesOf(request) === 0n,
);
const FIRMWARE = guard<TableRequest>(
  "ENODEV",
  "create_ddw: the firmware refuses the page size, the number of TCEs or a second dynamic window",
  (request) =>
    (request.pe.firmwarePageSizes & (1n << BigInt(request.pageShift))) === 0n ||
    entriesOf(request) > FIRMWARE_ENTRIES_MAX ||
    hasDynamic(request),
);

/** spapr_tce_create_table */
export function pseriesTable(request: TableRequest): WindowShape | TableRefusal {
  const refusal = firstFailing([SHAPE, POISONED, SECOND_DYNAMIC], request);
  if (refusal !== null) return { refusal, poisons: false, bug: null };
  const { pe } = request;
  if (!pe.hasDynamicWindows) return { refusal: NOT_APPLICABLE, poisons: true, bug: null };
  // restore_default_dma_window: the firmware's 32-bit window as it was, the kernel's as large as asked.
  if (isDefault(request)) return shape(request, pe.dma32Start, pe.dma32Size, true);
  const tooLarge = firstFailing([BLOCK], request);
  if (tooLarge !== null) return { refusal: tooLarge, poisons: false, bug: null };
  const failed = firstFailing([FIRMWARE], request);
  if (failed !== null) return { refusal: failed, poisons: true, bug: null };
  return shape(request, pe.dma64Start, request.size, false);
}

function shape(request: TableRequest, start: bigint, firmwareBytes: bigint, isDefaultWindow: boolean): WindowShape {
  const entries = Number(entriesOf(request));
  const perPage = 2 ** (request.kernelPageShift - 3);
  return {
    start,
    pageShift: request.pageShift,
    entries,
    firmwareEntries: Number(firmwareBytes >> BigInt(request.pageShift)),
    // pseries_tce_iommu_userspace_view_alloc rounds up to kernel pages.
    viewEntries: Math.ceil(entries / perPage) * perPage,
    chargedPages: pseriesTableBytes(request) >> BigInt(request.kernelPageShift),
    isDefault: isDefaultWindow,
  };
}

/** is_default_window_request, in slot 0. */
function isDefault({ slot, pageShift, size, pe }: TableRequest): boolean {
  return slot === 0 && pageShift === DEFAULT_PAGE_SHIFT && size <= pe.dma32Size;
}

function hasDynamic({ windows }: TableRequest): boolean {
  return windows.some((window) => window !== null && !window.isDefault);
}

function entriesOf({ size, pageShift }: TableRequest): bigint {
  return size >> BigInt(pageShift);
}

function isPowerOfTwo(size: bigint): boolean {
  return size !== 0n && (size & (size - 1n)) === 0n;
}
