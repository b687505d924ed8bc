/**
 * What VFIO's files, the sPAPR TCE driver and the platform code remember. Changed by `applySpapr` only.
 * One process (one mm). Handles count from 0 in order of creation and are never reused.
 */
import type { AreaTable } from "../area-table.ts";
import type { PeNumber } from "./environment.ts";
import { RegionList } from "./regions.ts";

/** Windows of a container: IOMMU_TABLE_GROUP_MAX_TABLES. */
export const SLOTS = 2;

/** A struct iommu_table: a filter of absolute bus addresses. Counts are of its own pages. */
export interface WindowShape {
  /** First bus address. */
  readonly start: bigint;
  readonly pageShift: number;
  /** it_size: what the kernel takes as the window. */
  readonly entries: number;
  /** What the firmware translates: as much or more. */
  readonly firmwareEntries: number;
  /** it_userspace: entries that its memory, whole kernel pages, has room for. */
  readonly viewEntries: number;
  /** Pages of the kernel that it is charged with. */
  readonly chargedPages: bigint;
  /** pseries: it is the 32-bit window, which the firmware never gives up. */
  readonly isDefault: boolean;
}

/** `table`: by bus address, only `va` sources; one area per run of pages that one call set. */
export interface TceWindow extends WindowShape {
  readonly table: AreaTable;
}

export type Slots = readonly (TceWindow | null)[];

/** struct tce_container. */
export interface Driver {
  /** VFIO_SPAPR_TCE_IOMMU is 1, VFIO_SPAPR_TCE_v2_IOMMU is 2. */
  readonly version: 1 | 2;
  /** Handles of the groups, newest first (group_list). */
  groups: readonly number[];
  /** It belongs to a process: the one that calls. */
  hasMm: boolean;
  isEnabled: boolean;
  /** v1: charged by ENABLE. */
  enabledPages: bigint;
  /** def_window_pending */
  isDefaultPending: boolean;
  windows: Slots;
  /** First addresses of the regions that it registered (prereg_list). */
  readonly registered: Set<bigint>;
}

export interface Container {
  readonly handle: number;
  isOpen: boolean;
  groups: readonly number[];
  driver: Driver | null;
}

export interface Group {
  readonly handle: number;
  readonly pe: PeNumber;
  container: number | null;
  openDevices: number;
}

export interface Device {
  readonly handle: number;
  readonly group: number;
  isOpen: boolean;
}

/** What outlives containers. */
export interface Pe {
  /** In failed_ddw_pdn_list: no window is ever made again before a reboot. */
  isPoisoned: boolean;
  /** TCEs that the firmware's 32-bit window kept past the end of the kernel's smaller one. */
  leftover: AreaTable | null;
}

export class SpaprState {
  readonly containers: Container[] = [];
  readonly groups: Group[] = [];
  readonly devices: Device[] = [];
  readonly pes = new Map<PeNumber, Pe>();
  /** mm->context.iommu_group_mem_list */
  readonly regions = new RegionList();
  /** mm->locked_vm, pages. */
  lockedPages = 0n;
  /** Something was written behind a table in the kernel's own memory. */
  isCorrupted = false;
  version = 0;

  /** The group of a PE, or null before it is opened. */
  groupOfPe(pe: PeNumber): Group | null {
    return this.groups.findLast((group) => group.pe === pe) ?? null;
  }

  isPoisoned(pe: PeNumber): boolean {
    return this.pes.get(pe)?.isPoisoned ?? false;
  }
}

/** tce_iommu_find_table: the slot of the window whose pages hold `iova`, or -1. */
export function slotOf(windows: readonly (WindowShape | null)[], iova: bigint): number {
  return windows.findIndex((window) => {
    if (window === null) return false;
    const shift = BigInt(window.pageShift);
    const entry = (iova >> shift) - (window.start >> shift);
    return entry >= 0n && entry < BigInt(window.entries);
  });
}

/** Last bus address of a window. */
export function lastOf({ start, entries, pageShift }: WindowShape): bigint {
  return start + (BigInt(entries) << BigInt(pageShift)) - 1n;
}
