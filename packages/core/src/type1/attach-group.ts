/** A group joins or leaves the page tables of a container (vfio_iommu_type1_attach_group, _detach_group). */
import type { Refusal } from "../decide/outcome.ts";
import type { GroupNumber, GroupTraits } from "./environment.ts";
import { findDma } from "./find-dma.ts";
import { apertureConflicts, clipped, expanded, refreshed, without } from "./iova-list.ts";
import type { Domain, Driver, Layout } from "./state.ts";

const INVALID_VADDR: Refusal = {
  errno: "EBUSY",
  rule: "vfio_iommu_type1_attach_group: a mapping has no valid user address, and the attach may pin",
};
const NESTING: Refusal = { errno: "EINVAL", rule: "iommu_enable_nesting: the IOMMU has no nested page tables" };
const APERTURE: Refusal = {
  errno: "EINVAL",
  rule: "vfio_iommu_aper_conflict: the aperture misses the valid ranges or leaves a mapping outside",
};
const RESERVED: Refusal = { errno: "EINVAL", rule: "vfio_iommu_resv_conflict: a mapping is in a reserved region" };
const NOTHING_LEFT: Refusal = { errno: "EINVAL", rule: "vfio_iommu_resv_exclude: no valid range is left" };

/** What an attach looks at. */
export interface Attaching {
  readonly layout: Layout;
  readonly driver: Pick<Driver, "mappings" | "invalidVaddrs">;
  readonly group: GroupTraits;
  readonly isNesting: boolean;
}

/**
 * The layout with the group in it, or why not. Mappings are replayed into a new domain; their pages
 * are pinned and charged already, so that cannot fail for the caller's sake (vfio_iommu_replay).
 */
export function attachGroup({ layout, driver, group, isNesting }: Attaching): Layout | Refusal {
  if (driver.invalidVaddrs.size > 0) return INVALID_VADDR;
  if (isNesting) return NESTING;
  if (apertureConflicts(layout.iovas, driver, group.aperture)) return APERTURE;
  if (group.reserved.some(({ first, last }) => findDma(driver, first, last) !== null)) return RESERVED;
  const iovas = without(clipped(layout.iovas, group.aperture), group.reserved);
  if (iovas === null) return NOTHING_LEFT;
  return { iovas, domains: joined(layout.domains, group) };
}

/** The first domain, newest first, that the group's IOMMU takes; else one of its own. */
function joined(domains: readonly Domain[], group: GroupTraits): readonly Domain[] {
  const shared = domains.find(({ aperture }) => !group.refusesWiderDomains || aperture.last <= group.aperture.last);
  if (shared === undefined) return [{ aperture: group.aperture, groups: [group.number] }, ...domains];
  return domains.map((domain) =>
    domain === shared ? { ...domain, groups: [group.number, ...domain.groups] } : domain,
  );
}

/**
 * The layout without the group. Only the end of a domain widens the aperture again. Reserved windows
 * of the group come back unless they touched an end of the list.
 */
export function detachGroup(layout: Layout, group: GroupNumber, groups: ReadonlyMap<GroupNumber, GroupTraits>): Layout {
  const domains = layout.domains
    .map((domain) => ({ ...domain, groups: domain.groups.filter((number) => number !== group) }))
    .filter((domain) => domain.groups.length > 0);
  const isDomainGone = domains.length < layout.domains.length;
  const iovas = isDomainGone ? expanded(layout.iovas, domains) : layout.iovas;
  const reserved = domains.flatMap((domain) => domain.groups.flatMap((number) => groups.get(number)?.reserved ?? []));
  // When nothing would be left the driver keeps the list that it had.
  return { iovas: refreshed(iovas, reserved) ?? layout.iovas, domains };
}
