/** IOMMU_HWPT_SET_DIRTY_TRACKING and IOMMU_HWPT_GET_DIRTY_BITMAP (hw_pagetable.c; io_pagetable.c). */
import { U64_MAX } from "../address.ts";
import type { GetDirtyBitmap, SetDirtyTracking } from "../device-commands.ts";
import type { HwptHandle } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState, Hwpt } from "../state.ts";
import { NO_PAGING_HWPT, pagingHwptOf } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { alignmentOf, isAligned, mappedUpTo } from "./space-rules.ts";

const ENABLE = 1;
const NO_CLEAR = 1;

const UNSUPPORTED = guard<Hwpt>(
  "EOPNOTSUPP",
  "domain->dirty_ops: the page table was not made for dirty tracking",
  ({ dirtyTracking }) => !dirtyTracking,
);

const SET_REQUEST = guard<SetDirtyTracking>(
  "EOPNOTSUPP",
  "iommufd_hwpt_set_dirty_tracking: unknown flag",
  ({ flags }) => (flags & ~ENABLE) !== 0,
);

/** `clears`: the page table whose dirty bits all go (iopt_clear_dirty_data), which enabling again does too. */
export function setDirtyTracking(
  state: ContextState,
  command: SetDirtyTracking,
): Outcome<{ readonly clears: HwptHandle | null }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_HWPT_SET_DIRTY_TRACKING", refusal);
  const asked = firstFailing([SET_REQUEST], command);
  if (asked !== null) return refuse(asked);
  const hwpt = pagingHwptOf(state, command.hwptId);
  if (hwpt === null) return refuse(NO_PAGING_HWPT);
  const unsupported = firstFailing([UNSUPPORTED], hwpt);
  if (unsupported !== null) return refuse(unsupported);
  const isOn = (command.flags & ENABLE) !== 0;
  const type = isOn ? "DirtyTrackingStarted" : "DirtyTrackingStopped";
  return accepted({ clears: isOn ? hwpt.handle : null }, [{ type, hwpt: hwpt.handle }]);
}

const GET_REQUEST = guard<GetDirtyBitmap>(
  "EOPNOTSUPP",
  "iommufd_hwpt_get_dirty_bitmap: unknown flag or reserved field",
  ({ flags, reserved }) => (flags & ~NO_CLEAR) !== 0 || (reserved ?? 0) !== 0,
);

interface Call {
  readonly command: GetDirtyBitmap;
  readonly alignment: bigint;
}

const EMPTY = guard<Call>("EINVAL", "iommufd_check_iova_range: an empty range", ({ command }) => command.length === 0n);

/** iommufd_check_iova_range. */
const RANGE = [
  guard<Call>("EOVERFLOW", "iommufd_check_iova_range: the range wraps", ({ command }) => lastOf(command) > U64_MAX),
  guard<Call>(
    "EINVAL",
    "iommufd_check_iova_range: not aligned as the ioas demands",
    ({ command, alignment }) => !isAligned(command.iova | (lastOf(command) + 1n), alignment),
  ),
  guard<Call>("EINVAL", "iommufd_check_iova_range: no page size", ({ command }) => command.pageSize === 0n),
  guard<Call>(
    "EINVAL",
    "iommufd_check_iova_range: not aligned to the page size",
    ({ command }) => ((command.iova | (lastOf(command) + 1n)) & (command.pageSize - 1n)) !== 0n,
  ),
];

export interface DirtyBitmap {
  readonly hwpt: HwptHandle;
  /** Bits in the bitmap: pages of the caller's size. */
  readonly pages: bigint;
  /** Numbers of the bits that are set. */
  readonly set: readonly bigint[];
  /** Last byte whose dirty bits were read and cleared; null: none were cleared. */
  readonly clearedUpTo: bigint | null;
}

/**
 * Walks up to the first byte that is not mapped and then succeeds (the walk's error is dropped);
 * without tracking nothing is read and nothing cleared.
 */
export function getDirtyBitmap(
  state: ContextState,
  command: GetDirtyBitmap,
  profile: KernelProfile,
  environment: Environment,
): Outcome<DirtyBitmap> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_HWPT_GET_DIRTY_BITMAP", refusal);
  const asked = firstFailing([GET_REQUEST], command);
  if (asked !== null) return refuse(asked);
  const hwpt = pagingHwptOf(state, command.hwptId);
  if (hwpt === null) return refuse(NO_PAGING_HWPT);
  const space = state.space(hwpt.ioas);
  const order = profile.checksDirtyLengthFirst ? [EMPTY, ...RANGE] : RANGE;
  const range = firstFailing(order, { command, alignment: alignmentOf(state, space, environment) });
  const refusal = range ?? firstFailing([UNSUPPORTED], hwpt);
  if (refusal !== null) return refuse(refusal);
  const pages = command.length / pageUnit(command.pageSize);
  const end = mappedUpTo(space, command.iova, lastOf(command));
  if (!hwpt.isTracking || end === null) return accepted({ hwpt: hwpt.handle, pages, set: [], clearedUpTo: null }, []);
  const isKept = (command.flags & NO_CLEAR) !== 0;
  const set = bitsOf(command, end, hwpt.handle, environment);
  return accepted({ hwpt: hwpt.handle, pages, set, clearedUpTo: isKept ? null : end }, []);
}

/** iova_bitmap_set: every page of the caller's that a dirty io page touches. */
function bitsOf({ iova, pageSize }: GetDirtyBitmap, end: bigint, hwpt: HwptHandle, { dirty }: Environment): bigint[] {
  const written = dirty.get(hwpt);
  if (written === undefined) return [];
  const unit = pageUnit(pageSize);
  const bits = new Set<bigint>();
  for (const page of written.in(iova, end)) {
    const last = (page + written.pageSize - 1n - iova) / unit;
    for (let bit = page < iova ? 0n : (page - iova) / unit; bit <= last; bit++) bits.add(bit);
  }
  return [...bits];
}

/** iova_bitmap_alloc counts in the lowest set bit of the page size. */
function pageUnit(pageSize: bigint): bigint {
  return pageSize & -pageSize;
}

/** An empty range ends a byte before it begins, also at 0: then it is the whole space. */
function lastOf({ iova, length }: GetDirtyBitmap): bigint {
  if (length === 0n) return iova === 0n ? U64_MAX : U64_MAX + iova;
  return iova + length - 1n;
}
