/** VFIO_IOMMU_SPAPR_TCE_GET_INFO: what the PE had at boot; no call changes it. */
import { firstFailing } from "../decide/outcome.ts";
import type { QueryTceInfo } from "./commands.ts";
import { groundOf } from "./draft.ts";
import { driverCall, frameGuards } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import { done, refusedBy, type SpaprOutcome } from "./outcome.ts";
import { NO_GROUP } from "./remove-window.ts";
import type { SpaprState } from "./state.ts";

/** Up to dma32_window_size, and with struct vfio_iommu_spapr_tce_ddw_info. */
const ARG_BYTES = 16;
const DDW_ARG_BYTES = 32;
/** VFIO_IOMMU_SPAPR_INFO_DDW */
const FLAG_DDW = 1;

const REQUEST = frameGuards<QueryTceInfo>("VFIO_IOMMU_SPAPR_TCE_GET_INFO", ARG_BYTES);

export interface TceInfo {
  readonly flags: number;
  readonly dma32Start: bigint;
  readonly dma32Size: bigint;
  /** Null where the caller's struct has no room; all 0 for v1. */
  readonly dynamic: { readonly pageSizes: bigint; readonly windowsMax: number; readonly levels: number } | null;
}

export function queryTceInfo(
  state: SpaprState,
  command: QueryTceInfo,
  environment: SpaprEnvironment,
): SpaprOutcome<TceInfo> {
  const called = driverCall(state, command);
  if ("errno" in called) return refusedBy(called);
  const { container, driver } = called;
  const ground = groundOf(state, container, driver, environment);
  if (ground === null) return refusedBy(NO_GROUP);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refusedBy(asked);
  const { dma32Start, dma32Size, pageSizes, windowsMax, levelsMax } = ground.pe;
  const isDynamic = driver.version === 2 && windowsMax !== 0;
  const known = { pageSizes, windowsMax, levels: levelsMax };
  const dynamic = isDynamic ? known : { pageSizes: 0n, windowsMax: 0, levels: 0 };
  const hasRoom = (command.argBytes ?? DDW_ARG_BYTES) >= DDW_ARG_BYTES;
  return done({ flags: isDynamic ? FLAG_DDW : 0, dma32Start, dma32Size, dynamic: hasRoom ? dynamic : null });
}
