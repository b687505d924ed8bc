/**
 * Windows of bare metal (arch/powerpc/platforms/powernv/pci-ioda.c, pci-ioda-tce.c): tables in memory, of one
 * to five levels. The source computes shifts in 32 bits without a sign; so does this.
 */
import { firstFailing, guard } from "../decide/outcome.ts";
import { UNDEFINED_SHIFT } from "./kernel-bugs.ts";
import type { WindowShape } from "./state.ts";
import type { TableRefusal, TableRequest } from "./table-request.ts";

const TABLE_BYTES_MIN = 0x1000n;
/** MAX_PAGE_ORDER of ppc64, as bytes: 16 MiB with 4K and with 64K pages. */
const ALLOCATION_SHIFT_MAX = 24;
/** The bits that a TCE leaves for bus addresses. */
const ADDRESS_BITS = 55;

interface Shape {
  readonly request: TableRequest;
  /** log2 of the bytes of one level's tables. */
  readonly levelShift: number;
}

/** pnv_pci_ioda2_get_table_size: 0 for what it refuses. Twice: the hardware's and the user addresses. */
export function powernvTableBytes(request: TableRequest): bigint {
  const { size, levels, pe } = request;
  if (levels === 0 || levels > pe.levelsMax || !isPowerOfTwo(size)) return 0n;
  const direct = shifted(levelShiftOf(request));
  if (direct === 0n) return 0n;
  let table = max(TABLE_BYTES_MIN, shifted(unsigned(entriesShift(request) + 3)));
  let bytes = 0n;
  for (let left = levels; left > 0; left--) {
    bytes += ((table + direct - 1n) / direct) * direct;
    table = max((table / direct) << 3n, direct);
  }
  return 2n * bytes;
}

const CREATE = [
  guard<Shape>(
    "EINVAL",
    "pnv_pci_ioda2_table_alloc_pages: more address bits than a TCE has",
    ({ request, levelShift }) => unsigned((levelShift - 3) * request.levels + request.pageShift) >= ADDRESS_BITS,
  ),
  guard<Shape>(
    "ENOMEM",
    "pnv_pci_ioda2_table_do_alloc_pages: no allocation is that large",
    ({ levelShift }) => levelShift > ALLOCATION_SHIFT_MAX,
  ),
];

/** pnv_pci_ioda2_create_table. Any page size and any size in either slot. */
export function powernvTable(request: TableRequest): WindowShape | TableRefusal {
  const bug = isUndefined(request) ? UNDEFINED_SHIFT : null;
  const refusal = firstFailing(CREATE, { request, levelShift: levelShiftOf(request) });
  if (refusal !== null) return { refusal, poisons: false, bug };
  const tableShift = Math.max(unsigned(entriesShift(request) + 3), request.kernelPageShift);
  const entries = Number(shifted(tableShift) >> 3n);
  return {
    start: request.slot === 0 ? request.pe.dma32Start : request.pe.dma64Start,
    pageShift: request.pageShift,
    entries,
    firmwareEntries: entries,
    viewEntries: entries,
    chargedPages: powernvTableBytes(request) >> BigInt(request.kernelPageShift),
    isDefault: false,
  };
}

/** Whether the outcome rests on a shift that C leaves undefined. */
export function isUndefined(request: TableRequest): boolean {
  const { size, levels, pe } = request;
  if (levels === 0 || levels > pe.levelsMax || !isPowerOfTwo(size)) return false;
  return unsigned(entriesShift(request) + 3) > 63 || levelShiftOf(request) > 63;
}

/** Each level's share of the entries, at least a kernel page of them. */
function levelShiftOf(request: TableRequest): number {
  const { levels, kernelPageShift } = request;
  const share = Math.floor(unsigned(entriesShift(request) + levels - 1) / levels);
  return Math.max(unsigned(share + 3), kernelPageShift);
}

/** log2 of the number of pages; wraps for a window smaller than its page. */
function entriesShift({ size, pageShift }: TableRequest): number {
  return unsigned(log2(size) - pageShift);
}

/** 1UL << `by` as POWER's sld does it: seven bits count, from 64 on nothing is left. */
function shifted(by: number): bigint {
  const bits = by & 0x7f;
  return bits > 63 ? 0n : 1n << BigInt(bits);
}

function unsigned(value: number): number {
  return value >>> 0;
}

function log2(size: bigint): number {
  return size.toString(2).length - 1;
}

function isPowerOfTwo(size: bigint): boolean {
  return size !== 0n && (size & (size - 1n)) === 0n;
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
