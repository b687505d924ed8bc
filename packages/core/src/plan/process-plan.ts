/**
 * A process that is replaced on its host while its iommufd lives on (QEMU's cpr-transfer and cpr-exec):
 * nothing is mapped again, only who is charged for the pinned memory changes.
 */
import type { Area } from "../area.ts";
import type { IoasHandle } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import { IoasisError } from "../failure.ts";
import type { ContextState } from "../state.ts";

/** A mapping that IOMMU_IOAS_CHANGE_PROCESS does not take (EINVAL), for all of them then. */
export interface UnfiledMapping {
  readonly ioas: IoasHandle;
  readonly area: Area;
}

export interface ProcessPlan {
  /** Every mapping is of a file, and all mappings are known. */
  readonly isPossible: boolean;
  readonly mappings: number;
  readonly unfiled: readonly UnfiledMapping[];
  /** Why it is not known that there are no others. */
  readonly unknown: readonly string[];
}

/**
 * Whether the kernel would take IOMMU_IOAS_CHANGE_PROCESS (ioas.c: iommufd_ioas_change_process, which came with
 * commit 829ed626499c in 6.13): it moves the charges of every ioas of the fd, all or none.
 *
 * @throws IoasisError ERR_INPUT for a context that is no iommufd
 */
export function processPlanOf(state: ContextState, profile: ProfileName): ProcessPlan {
  if (profile !== "iommufd")
    throw new IoasisError("ERR_INPUT", `a context of ${profile} has no IOMMU_IOAS_CHANGE_PROCESS: only iommufd does`, {
      profile,
    });
  const unfiled: UnfiledMapping[] = [];
  const unknown: string[] = [];
  for (const { handle, isWhole, areas } of state.liveSpaces) {
    for (const area of areas.all()) if (area.source.kind !== "file") unfiled.push({ ioas: handle, area });
    if (!isWhole) unknown.push(`what ioas${handle} held before the recording began or while it lost events`);
  }
  return { isPossible: unfiled.length === 0 && unknown.length === 0, mappings: state.liveMappings, unfiled, unknown };
}
