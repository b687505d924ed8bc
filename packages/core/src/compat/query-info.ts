/** VFIO_IOMMU_GET_INFO on an iommufd (vfio_compat.c: iommufd_vfio_iommu_get_info). */
import { U64_MAX } from "../address.ts";
import { pageTablesOf } from "../decide/objects.ts";
import { accepted, firstFailing, guard, type Outcome, refused } from "../decide/outcome.ts";
import type { Environment } from "../profile/environment.ts";
import { holes, type Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";
import type { QueryInfo } from "../type1/commands.ts";
import { compatSpaceOf, NO_SPACE } from "./container-calls.ts";

/** struct vfio_iommu_type1_info up to `iova_pgsizes`, and whole. */
const ARG_BYTES_MIN = 16;
const INFO_BYTES = 24;
/** VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS */
const INFO_FLAGS = 3;
/** struct vfio_iommu_type1_info_dma_avail; struct ..._cap_iova_range without and with each range. */
const AVAIL_BYTES = 16;
const RANGES_BYTES = 16;
const RANGE_BYTES = 16;
/** U32_MAX: there is no limit but memory. */
const ENTRIES_LEFT = 0xffff_ffff;

const REQUEST = [
  guard<QueryInfo>("EFAULT", "iommufd_vfio_iommu_get_info: bad pointer", (call) => call.hasBadPointer === true),
  guard<QueryInfo>(
    "EINVAL",
    "iommufd_vfio_iommu_get_info: argsz too small",
    ({ argBytes }) => (argBytes ?? INFO_BYTES) < ARG_BYTES_MIN,
  ),
];

export interface CompatInfo {
  /** What it takes to write all, whatever was asked. */
  readonly argBytes: number;
  readonly flags: number;
  /** Null: the page tables of the ioas decide them, and no call tells which sizes theirs have. */
  readonly pageSizes: bigint | null;
  /** 0: the capabilities did not fit, and it names none. */
  readonly capOffset: number;
  readonly entriesLeft: number;
  /** As IOVA_RANGES. */
  readonly ranges: readonly Range[];
}

/** Two capabilities, in this order: dma_avail and the iova ranges. There is none for migration. */
export function queryInfo(state: ContextState, command: QueryInfo, environment: Environment): Outcome<CompatInfo> {
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refused(asked, []);
  const space = compatSpaceOf(state);
  if (space === null) return refused(NO_SPACE, []);
  const ranges = holes(space.reservations);
  const needed = INFO_BYTES + AVAIL_BYTES + RANGES_BYTES + RANGE_BYTES * ranges.length;
  const capOffset = (command.argBytes ?? INFO_BYTES) < needed ? 0 : INFO_BYTES;
  const pageSizes = pageSizesOf(state, space, environment);
  return accepted({ argBytes: needed, flags: INFO_FLAGS, pageSizes, capOffset, entriesLeft: ENTRIES_LEFT, ranges }, []);
}

/** iommufd_get_pagesizes: whole pages of the host, of every size where no page table says otherwise. */
function pageSizesOf(state: ContextState, space: Space, { pageSize }: Environment): bigint | null {
  return pageTablesOf(state, space).length > 0 ? null : U64_MAX & -pageSize;
}
