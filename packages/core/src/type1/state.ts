/**
 * Files of VFIO's group interface and what hangs on them: containers (struct vfio_container), groups
 * (struct vfio_group while it is open), devices, and the driver's data of a container (struct vfio_iommu).
 * Changed by `applyType1` only. Handles count from 0 in order of creation and are never reused.
 */
import { AreaTable } from "../area-table.ts";
import type { Range } from "../range.ts";
import type { GroupNumber } from "./environment.ts";
import type { Type1Profile } from "./type1-profile.ts";

/** An IOMMU page table with the groups that share it (struct vfio_domain). */
export interface Domain {
  readonly aperture: Range;
  readonly groups: readonly GroupNumber[];
}

/** What attaches and detaches leave behind: a stored list, never computed anew from the groups. */
export interface Layout {
  /** iova_list: a mapping lies inside one of these. Ascending. */
  readonly iovas: readonly Range[];
  /** domain_list: newest first. */
  readonly domains: readonly Domain[];
}

export const EMPTY_LAYOUT: Layout = { iovas: [], domains: [] };

/** struct vfio_iommu. Facts of single mappings are kept by first IOVA. */
export class Driver {
  readonly profile: Type1Profile;
  /** dma_entry_limit when the driver was set. */
  readonly entriesMax: number;
  layout: Layout;
  readonly mappings: AreaTable;
  /** Pages charged against RLIMIT_MEMLOCK, of all mappings. */
  chargedPages = 0n;
  /** Those of a mapping that is not charged with all of its pages (device memory is free). */
  readonly partCharges = new Map<bigint, bigint>();
  /** Mappings whose user address VFIO_DMA_UNMAP_FLAG_VADDR took away. */
  readonly invalidVaddrs = new Set<bigint>();
  /**
   * Null: dirty tracking is off. Else what a mapping's bitmap holds above its last page (bit 0: the
   * first bit above), where that is not 0: update_user_bitmap leaves bits there.
   */
  spareBits: Map<bigint, bigint> | null = null;
  /** A mapping ended at 2^64-1: look-ups no longer find what is mapped (see `TOP_OF_SPACE`). */
  isMisled = false;

  constructor(profile: Type1Profile, entriesMax: number, layout: Layout, mappings = new AreaTable()) {
    this.profile = profile;
    this.entriesMax = entriesMax;
    this.layout = layout;
    this.mappings = mappings;
  }

  /** dma_avail */
  get entriesLeft(): number {
    return this.entriesMax - this.mappings.size;
  }
}

export interface Container {
  readonly handle: number;
  isOpen: boolean;
  /** Handles of the groups inside, newest first. */
  groups: readonly number[];
  driver: Driver | null;
}

export interface Group {
  readonly handle: number;
  readonly number: GroupNumber;
  /** Whether its own file is open; open devices keep it alive too. */
  isOpen: boolean;
  /** Handle of the container that it is in. */
  container: number | null;
  openDevices: number;
}

export interface Device {
  readonly handle: number;
  /** Handle of the group that it was opened through. */
  readonly group: number;
  isOpen: boolean;
}

export class Type1State {
  readonly containers: Container[] = [];
  readonly groups: Group[] = [];
  readonly devices: Device[] = [];
  /** mm->locked_vm, pages. */
  lockedPages = 0n;
  /** A mapping ended at 2^64-1 (see `TOP_OF_SPACE`): its pages stay charged for good. */
  hasLostMapping = false;
  /** Events folded. */
  version = 0;

  openContainer(handle: number | null): Container | null {
    const container = handle === null ? undefined : this.containers[handle];
    return container?.isOpen === true ? container : null;
  }

  openGroup(handle: number | null): Group | null {
    const group = handle === null ? undefined : this.groups[handle];
    return group?.isOpen === true ? group : null;
  }

  /** The group that is alive under this number, or null. */
  livingGroup(number: GroupNumber): Group | null {
    return this.groups.findLast((group) => group.number === number && isAlive(group)) ?? null;
  }
}

export function isAlive({ isOpen, openDevices }: Group): boolean {
  return isOpen || openDevices > 0;
}
