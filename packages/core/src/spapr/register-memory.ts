/** VFIO_IOMMU_SPAPR_REGISTER_MEMORY (tce_iommu_register_pages, mm_iommu_do_alloc). */
import { U64_MAX } from "../address.ts";
import { firstFailing, guard, type Refusal } from "../decide/outcome.ts";
import { chargeRefusal } from "./accounting.ts";
import type { MemoryRange, RegisterMemory } from "./commands.ts";
import { driverCall, frameGuards, NO_CALL, noFlags } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { done, type Nothing, refusedBy, returning, type SpaprOutcome } from "./outcome.ts";
import { pinnablePages } from "./pinning.ts";
import type { SpaprState } from "./state.ts";

/** Up to the end of struct vfio_iommu_spapr_register_memory. */
const ARG_BYTES = 24;
/** Pages that one pin_user_pages call takes: as many page pointers as the largest allocation holds. */
const CHUNK_PAGES = 2 ** 21;

export const REGION_REQUEST = [
  ...frameGuards<MemoryRange>("VFIO_IOMMU_SPAPR_REGISTER_MEMORY", ARG_BYTES),
  noFlags<MemoryRange>("VFIO_IOMMU_SPAPR_REGISTER_MEMORY"),
];

interface Sized {
  readonly userVa: bigint;
  readonly size: bigint;
  readonly pageMask: bigint;
}

export const NOT_WHOLE_PAGES = guard<Sized>(
  "EINVAL",
  "tce_iommu_register_pages: not whole pages of the kernel",
  ({ userVa, size, pageMask }) => ((userVa | size) & pageMask) !== 0n,
);
const WRAPS = guard<Sized>(
  "EINVAL",
  "tce_iommu_register_pages: vaddr + size wraps",
  ({ userVa, size }) => userVa + size > U64_MAX,
);
const MINE: Refusal = { errno: "EBUSY", rule: "tce_iommu_register_pages: this container registered it" };
const NO_PAGES: Refusal = { errno: "ENOMEM", rule: "mm_iommu_do_alloc: no memory of size 0" };
const FAULT: Refusal = { errno: "EFAULT", rule: "mm_iommu_do_alloc: the first page cannot be pinned for writing" };
const OVERLAP: Refusal = { errno: "EINVAL", rule: "mm_iommu_do_alloc: overlaps another region of the process" };

export function registerMemory(
  state: SpaprState,
  command: RegisterMemory,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  if (driver.version === 1) return refusedBy(NO_CALL);
  const { userVa: va, size: length } = command;
  const tied: SpaprEvent = { type: "ProcessTied", container: container.handle };
  const sized = { userVa: va, size: length, pageMask: (1n << BigInt(environment.platform.pageShift)) - 1n };
  const asked = firstFailing(REGION_REQUEST, command) ?? firstFailing([NOT_WHOLE_PAGES, WRAPS], sized);
  if (asked !== null) return refusedBy(asked, [tied]);
  const known = state.regions.exact(va, length);
  if (known !== null && driver.registered.has(va)) return refusedBy(MINE, [tied]);
  const pinned = known === null ? pin(state, command, environment) : done({});
  if (pinned.out === null) return { ...pinned, events: [tied] };
  const pageShift = known?.pageShift ?? regionPageShift(va, length, environment);
  return done({}, [tied, { type: "RegionRegistered", container: container.handle, va, length, pageShift }]);
}

function pin(state: SpaprState, { userVa, size }: MemoryRange, environment: SpaprEnvironment): SpaprOutcome<Nothing> {
  const { pageShift } = environment.platform;
  const pages = size >> BigInt(pageShift);
  const overLimit = chargeRefusal(state.lockedPages, pages, environment);
  if (overLimit !== null) return refusedBy(overLimit);
  if (size === 0n) return refusedBy(NO_PAGES);
  const pinned = pinnablePages(environment.memory, userVa, Number(pages), pageShift);
  if (pinned < Number(pages)) {
    // What pin_user_pages returned last is what the ioctl returns.
    const returned = pinned % CHUNK_PAGES;
    return returned === 0 ? refusedBy(FAULT) : returning(returned, "mm_iommu_do_alloc: a later page cannot be pinned");
  }
  return state.regions.overlaps(userVa, size) ? refusedBy(OVERLAP) : done({});
}

/** The alignment of start and length, at most the page that backs all of it; THP does not count. */
function regionPageShift(va: bigint, length: bigint, { hugePages, platform }: SpaprEnvironment): number {
  const isHuge = hugePages !== null && va >= hugePages.first && va + length - 1n <= hugePages.last;
  return Math.min(zeroBits(va | length), isHuge ? hugePages.pageShift : platform.pageShift);
}

/** Zeros below the lowest bit of a number that is not 0. */
function zeroBits(value: bigint): number {
  return (value & -value).toString(2).length - 1;
}
