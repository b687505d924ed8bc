/** Limits of a host as a whole: locked memory and the number of mappings. */
import type { HostLimits } from "../host/host-profile.ts";
import { sizeWords } from "../layout/size.ts";
import { type Conflict, RULES } from "./conflict.ts";
import type { ConflictSink } from "./conflict-sink.ts";
import type { Demand } from "./demand.ts";

/**
 * iopt_pages_update_pinned (iommufd), vfio_lock_acct (type1): ENOMEM over RLIMIT_MEMLOCK without
 * CAP_IPC_LOCK. BARs are charged by iommufd alone.
 */
export function checkMemlock(
  { lockedBytes, barBytes }: Demand,
  { memlockBytes: limit }: HostLimits,
  sink: ConflictSink,
): void {
  if (limit === null) sink.leaveOpen(`limits.memlockBytes: ${sizeWords(lockedBytes)} may be pinned`);
  if (limit === null || limit === "unlimited" || lockedBytes <= limit) return;
  const byBars = lockedBytes - barBytes <= limit;
  sink.add({
    ...ofHost("locked memory", `a limit of ${sizeWords(limit)}`),
    errno: "ENOMEM",
    rule: byBars ? RULES.bars : RULES.memlock,
    remedy: `raise RLIMIT_MEMLOCK to ${sizeWords(lockedBytes)}${byBars ? `, of which ${sizeWords(barBytes)} are BARs that iommufd charges` : ""}, or give the VMM CAP_IPC_LOCK`,
  });
}

/** vfio_dma_do_map: ENOSPC when a container has dma_entry_limit mappings (65,535 by default). */
export function checkMappings({ spaces }: Demand, { mappingsMax }: HostLimits, sink: ConflictSink): void {
  if (mappingsMax === "unlimited") return;
  for (const { ioas, mappings } of spaces) {
    if (mappingsMax === null) sink.leaveOpen(`limits.mappingsMax: ${mappings} mappings are needed`);
    else if (mappings > mappingsMax)
      sink.add({
        ...ofHost(`${mappings} mappings`, `${mappingsMax} mappings`),
        ioas,
        errno: "ENOSPC",
        rule: RULES.mappings,
        remedy: `raise dma_entry_limit of vfio_iommu_type1 to ${mappings}, use iommufd, or map larger ranges`,
      });
  }
}

function ofHost(
  name: string,
  value: string,
): Pick<Conflict, "range" | "name" | "ioas" | "device" | "with" | "isRefusal"> {
  return { range: null, name, ioas: null, device: null, with: { kind: "limit", range: null, value }, isRefusal: true };
}
