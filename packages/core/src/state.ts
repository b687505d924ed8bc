/**
 * The state of one context: what all its events up to `version` add up to.
 *
 * Mutable and owned by one fold (an engine, a replica, a time-travel view). Events are facts:
 * folding never refuses, and a contradiction changes the state as the newest fact says.
 */
import type { Iova } from "./address.ts";
import { AreaTable } from "./area-table.ts";
import type { DeviceName, HwptHandle, IoasHandle, ReservationOwner } from "./events.ts";
import type { Range } from "./range.ts";
import { RangeSet } from "./range-set.ts";

export interface Reservation extends Range {
  readonly owner: ReservationOwner;
}

/** sPAPR: a window of bus addresses that translate. */
export interface Window extends Range {
  readonly pageSize: bigint;
}

/** One address space. */
export class Space {
  readonly handle: IoasHandle;
  /** The kernel's id while it lives; null where the source names none. */
  kernelId: number | null;
  isAlive = true;
  /**
   * Its creation is in the history, so that what no event mapped was never mapped. Otherwise the
   * recording began later, and `known` holds what it has spoken of so far.
   */
  isWhole: boolean;
  known = new RangeSet();
  readonly areas = new AreaTable();
  reservations: Reservation[] = [];
  /** IOMMU_IOAS_ALLOW_IOVAS; empty: everything. */
  allowed: readonly Range[] = [];
  /** OPTION HUGE_PAGES. */
  largePages = true;
  windows: Window[] = [];

  constructor(handle: IoasHandle, kernelId: number | null, isWhole: boolean) {
    this.handle = handle;
    this.kernelId = kernelId;
    this.isWhole = isWhole;
  }
}

export interface Hwpt {
  readonly handle: HwptHandle;
  readonly kernelId: number | null;
  readonly ioas: IoasHandle;
  readonly auto: boolean;
  readonly pageSize: bigint | null;
  readonly aperture: Range | null;
  readonly dirtyTracking: boolean;
  readonly nestParent: boolean;
  /** Of a nested page table, which holds no mappings of the space; else null. */
  readonly parent: HwptHandle | null;
  /** Kernel ids of its fault queue and its vIOMMU; absent: none. */
  readonly fault?: number;
  readonly viommu?: number;
  /** It can be attached to a PASID; absent: it cannot. */
  readonly takesPasids?: true;
  /** Of a nested one and of parents of such: the device whose driver made it; absent: not told. */
  readonly device?: DeviceName;
  isTracking: boolean;
}

/** An object of iommufd that holds no mappings. The vIOMMU of one is named by its kernel id. */
export type IommufdObject =
  | { readonly kind: "fault"; readonly isOpen: boolean }
  | {
      readonly kind: "viommu";
      readonly hwpt: HwptHandle | null;
      readonly viommuType: number;
      readonly iommu: string | null;
    }
  | {
      readonly kind: "vdevice";
      readonly viommu: number;
      readonly device: DeviceName;
      readonly virtualId: bigint;
    }
  | { readonly kind: "veventq"; readonly viommu: number; readonly queueType: number; readonly isOpen: boolean }
  | {
      readonly kind: "hw-queue";
      readonly viommu: number;
      readonly queueType: number;
      readonly index: number;
      readonly iova: Iova;
      readonly last: Iova;
      readonly access: string;
    }
  /** Gone, but its id stays taken. */
  | { readonly kind: "leaked" };

export interface BoundDevice {
  readonly kernelId: number | null;
  readonly group: string | null;
  /** Kernel id of the self-test's object around it; null for real devices. */
  readonly objectId: number | null;
}

export interface Attachment {
  readonly device: DeviceName;
  readonly pasid: number | null;
  readonly ioas: IoasHandle | null;
  readonly hwpt: HwptHandle | null;
}

export interface Access {
  readonly kernelId: number | null;
  readonly ioas: IoasHandle | null;
  readonly pins: boolean;
}

export interface RegisteredMemory {
  readonly va: bigint;
  readonly length: bigint;
}

export class ContextState {
  version = 0;
  /** By handle; a destroyed space stays, empty and not alive. */
  readonly spaces: Space[] = [];
  /** By handle; undefined: destroyed. */
  readonly hwpts: (Hwpt | undefined)[] = [];
  readonly devices = new Map<DeviceName, BoundDevice>();
  /** By `attachmentKey`. */
  readonly attachments = new Map<string, Attachment>();
  readonly accesses = new Map<string, Access>();
  /** By kernel id. */
  readonly objects = new Map<number, IommufdObject>();
  registered: RegisteredMemory[] = [];
  /** OPTION RLIMIT_MODE. */
  rlimitMode: "user" | "mm" = "user";
  /** VFIO_IOAS: the ioas behind the emulated container; a destroyed one is none. */
  vfioIoas: IoasHandle | null = null;
  /** Name to the version it was set at; the newest wins. */
  readonly bookmarks = new Map<string, number>();
  /** How many `EventsLost` so far: the state may lack what they hid. */
  gaps = 0;
  /** Version of the newest of them, 0 for none: what was there before may have changed unseen. */
  lostAt = 0;
  /** Events are missing between those that are there, until the next `EventsLost`. */
  isLosing = false;

  /** The space `handle`, made (not whole) when the first event that names it is not its allocation. */
  space(handle: IoasHandle): Space {
    for (let next = this.spaces.length; next <= handle; next++) this.spaces.push(new Space(next, null, false));
    return this.spaces[handle] as Space;
  }

  /** The living space with this kernel id. */
  spaceOfKernelId(kernelId: number | null): Space | null {
    for (let i = this.spaces.length - 1; i >= 0; i--) {
      const space = this.spaces[i] as Space;
      if (space.isAlive && space.kernelId === kernelId) return space;
    }
    return null;
  }

  hwptOfKernelId(kernelId: number | null): Hwpt | null {
    for (let i = this.hwpts.length - 1; i >= 0; i--) {
      const hwpt = this.hwpts[i];
      if (hwpt !== undefined && hwpt.kernelId === kernelId) return hwpt;
    }
    return null;
  }

  get liveSpaces(): Space[] {
    return this.spaces.filter((space) => space.isAlive);
  }

  /** Number of mapped areas in all living spaces. */
  get liveMappings(): number {
    return this.spaces.reduce((sum, space) => sum + (space.isAlive ? space.areas.size : 0), 0);
  }
}

export function attachmentKey(device: DeviceName, pasid: number | null): string {
  return pasid === null ? device : `${device}#${pasid}`;
}

/** What a device or page table may use of a space: the complement of its reservations. */
export function reservedRanges(space: Space): Range[] {
  return space.reservations.map(({ first, last }) => ({ first: first as Iova, last }));
}
