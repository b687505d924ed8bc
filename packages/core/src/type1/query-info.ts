/** VFIO_IOMMU_GET_INFO (vfio_iommu_type1_get_info). */
import { firstFailing, guard } from "../decide/outcome.ts";
import type { Range } from "../range.ts";
import type { QueryInfo } from "./commands.ts";
import { BAD_FILE, NO_DRIVER } from "./container-calls.ts";
import { smallestPage, type Type1Environment } from "./environment.ts";
import { TOP_OF_SPACE } from "./kernel-bugs.ts";
import { done, refusedBy, suspect, type Type1Outcome } from "./outcome.ts";
import type { Type1State } from "./state.ts";

/** struct vfio_iommu_type1_info up to `iova_pgsizes`, and whole. */
const ARG_BYTES_MIN = 16;
const INFO_BYTES = 24;
/** VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS */
const INFO_FLAGS = 3;
/** struct vfio_info_cap_header and a u64 or two behind it, padded. */
const MIGRATION_BYTES = 32;
const AVAIL_BYTES = 16;
const RANGES_BYTES = 16;
const RANGE_BYTES = 16;
/** DIRTY_BITMAP_SIZE_MAX */
const BITMAP_BYTES_MAX = 0x1000_0000n;

const REQUEST = [
  guard<QueryInfo>("EFAULT", "vfio_iommu_type1_get_info: bad pointer", (call) => call.hasBadPointer === true),
  guard<QueryInfo>(
    "EINVAL",
    "vfio_iommu_type1_get_info: argsz too small",
    ({ argBytes }) => (argBytes ?? INFO_BYTES) < ARG_BYTES_MIN,
  ),
];

/** A capability's place: `next` is the offset of the one behind it, 0 for the last. */
interface Capability {
  readonly offset: number;
  readonly id: number;
  readonly next: number;
}

export interface Type1Info {
  /** As asked, or what it takes to write all. */
  readonly argBytes: number;
  readonly flags: number;
  readonly pageSizes: bigint;
  /** 0: the capabilities did not fit, and none was written. */
  readonly capOffset: number;
  readonly capabilities: {
    readonly migration: Capability & { readonly pageSizes: bigint; readonly bitmapBytesMax: bigint };
    readonly avail: Capability & { readonly entriesLeft: number };
    readonly ranges: Capability & { readonly iovas: readonly Range[] };
  } | null;
}

export function queryInfo(
  state: Type1State,
  command: QueryInfo,
  { iommu, policy }: Type1Environment,
): Type1Outcome<Type1Info> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  const { driver } = container;
  if (driver === null) return refusedBy(NO_DRIVER);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked);
  const iovas = policy?.told ?? driver.layout.iovas;
  const room = command.argBytes ?? INFO_BYTES;
  const needed = INFO_BYTES + MIGRATION_BYTES + AVAIL_BYTES + RANGES_BYTES + RANGE_BYTES * iovas.length;
  const common = { flags: INFO_FLAGS, pageSizes: iommu.pageSizes };
  const outcome =
    room < needed
      ? done({ ...common, argBytes: needed, capOffset: 0, capabilities: null })
      : done({
          ...common,
          argBytes: room,
          capOffset: INFO_BYTES,
          capabilities: capabilitiesOf(driver.entriesLeft, iovas, smallestPage(iommu)),
        });
  // How many mappings there still are is told by dma_avail alone.
  return driver.isMisled && room >= needed ? suspect(outcome, TOP_OF_SPACE) : outcome;
}

/** The order of the chain: vfio_iommu_migration_build_caps, _dma_avail_build_caps, _iova_build_caps. */
function capabilitiesOf(entriesLeft: number, iovas: readonly Range[], pageBytes: bigint): Type1Info["capabilities"] {
  const avail = INFO_BYTES + MIGRATION_BYTES;
  const ranges = avail + AVAIL_BYTES;
  return {
    migration: { offset: INFO_BYTES, id: 2, next: avail, pageSizes: pageBytes, bitmapBytesMax: BITMAP_BYTES_MAX },
    avail: { offset: avail, id: 3, next: ranges, entriesLeft },
    ranges: { offset: ranges, id: 1, next: 0, iovas },
  };
}
