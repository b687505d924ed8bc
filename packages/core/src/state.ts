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
  readonly areas: AreaTable;
  reservations: Reservation[] = [];
  /** IOMMU_IOAS_ALLOW_IOVAS; empty: everything. */
  allowed: readonly Range[] = [];
  /** OPTION HUGE_PAGES. */
  largePages = true;
  windows: Window[] = [];

  constructor(handle: IoasHandle, kernelId: number | null, isWhole: boolean, areas = new AreaTable()) {
    this.handle = handle;
    this.kernelId = kernelId;
    this.isWhole = isWhole;
    this.areas = areas;
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

const NO_TABLES: readonly Hwpt[] = [];

export class ContextState {
  version = 0;
  readonly #spaces: Space[] = [];
  readonly #hwpts: (Hwpt | undefined)[] = [];
  /** Those of `spaces` that are alive, those of `hwpts` that are there, and of these each space's: in order of handle. */
  readonly #liveSpaces: Space[] = [];
  readonly #liveHwpts: Hwpt[] = [];
  readonly #pageTables = new Map<IoasHandle, Hwpt[]>();
  /** By handle; a destroyed space stays, empty and not alive. */
  readonly spaces: readonly Space[] = this.#spaces;
  /** By handle; undefined: destroyed. */
  readonly hwpts: readonly (Hwpt | undefined)[] = this.#hwpts;
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

  /**
   * A state that is equal now and goes its own way from here. It costs what there is beside mappings; these are shared
   * in chunks, of which each side copies the ones that it changes, at the first change.
   */
  snapshot(): ContextState {
    const copy = new ContextState();
    copy.version = this.version;
    for (const space of this.#spaces) copy.addSpace(snapshotOf(space));
    for (const [handle, hwpt] of this.#hwpts.entries()) {
      copy.#hwpts[handle] = undefined;
      if (hwpt !== undefined) copy.addHwpt({ ...hwpt });
    }
    for (const [device, bound] of this.devices) copy.devices.set(device, bound);
    for (const [key, attachment] of this.attachments) copy.attachments.set(key, attachment);
    for (const [name, access] of this.accesses) copy.accesses.set(name, access);
    for (const [id, object] of this.objects) copy.objects.set(id, object);
    copy.registered = [...this.registered];
    copy.rlimitMode = this.rlimitMode;
    copy.vfioIoas = this.vfioIoas;
    for (const [name, version] of this.bookmarks) copy.bookmarks.set(name, version);
    copy.gaps = this.gaps;
    copy.lostAt = this.lostAt;
    copy.isLosing = this.isLosing;
    return copy;
  }

  /** The space `handle`, made (not whole) when the first event that names it is not its allocation. */
  space(handle: IoasHandle): Space {
    for (let next = this.#spaces.length; next <= handle; next++) this.addSpace(new Space(next, null, false));
    return this.#spaces[handle] as Space;
  }

  /** The space with the next handle. */
  addSpace(space: Space): void {
    this.#spaces.push(space);
    if (space.isAlive) this.#liveSpaces.push(space);
  }

  /** It stays, empty and not alive. */
  destroySpace(handle: IoasHandle): void {
    const space = this.space(handle);
    space.isAlive = false;
    space.areas.clear();
    space.reservations = [];
    space.allowed = [];
    drop(this.#liveSpaces, space);
  }

  /** Takes the place of one with the same handle. */
  addHwpt(hwpt: Hwpt): void {
    this.removeHwpt(hwpt.handle);
    this.#hwpts[hwpt.handle] = hwpt;
    place(this.#liveHwpts, hwpt);
    if (hwpt.parent !== null) return;
    const tables = this.#pageTables.get(hwpt.ioas);
    if (tables === undefined) this.#pageTables.set(hwpt.ioas, [hwpt]);
    else place(tables, hwpt);
  }

  removeHwpt(handle: HwptHandle): void {
    const hwpt = this.#hwpts[handle];
    this.#hwpts[handle] = undefined;
    if (hwpt === undefined) return;
    drop(this.#liveHwpts, hwpt);
    const tables = this.#pageTables.get(hwpt.ioas);
    if (tables === undefined) return;
    drop(tables, hwpt);
    if (tables.length === 0) this.#pageTables.delete(hwpt.ioas);
  }

  /** The page tables that hold the mappings of a space (not the nested ones), oldest first. */
  pageTablesOf(ioas: IoasHandle): readonly Hwpt[] {
    return this.#pageTables.get(ioas) ?? NO_TABLES;
  }

  /** The living space with this kernel id, the newest where several have it. */
  spaceOfKernelId(kernelId: number | null): Space | null {
    return this.#liveSpaces.findLast((space) => space.kernelId === kernelId) ?? null;
  }

  /** The page table with this kernel id, the newest where several have it. */
  hwptOfKernelId(kernelId: number | null): Hwpt | null {
    return this.#liveHwpts.findLast((hwpt) => hwpt.kernelId === kernelId) ?? null;
  }

  get liveSpaces(): readonly Space[] {
    return this.#liveSpaces;
  }

  /** Page tables that are there, nested ones too. */
  get liveHwpts(): readonly Hwpt[] {
    return this.#liveHwpts;
  }

  /** Number of mapped areas in all living spaces. */
  get liveMappings(): number {
    return this.#liveSpaces.reduce((sum, space) => sum + space.areas.size, 0);
  }
}

function snapshotOf(space: Space): Space {
  const copy = new Space(space.handle, space.kernelId, space.isWhole, space.areas.snapshot());
  copy.isAlive = space.isAlive;
  copy.known = space.known.snapshot();
  copy.reservations = [...space.reservations];
  copy.allowed = space.allowed;
  copy.largePages = space.largePages;
  copy.windows = [...space.windows];
  return copy;
}

/** Into a list in order of handle. */
function place(list: Hwpt[], hwpt: Hwpt): void {
  list.splice(list.findLastIndex(({ handle }) => handle < hwpt.handle) + 1, 0, hwpt);
}

function drop<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  if (at >= 0) list.splice(at, 1);
}

export function attachmentKey(device: DeviceName, pasid: number | null): string {
  return pasid === null ? device : `${device}#${pasid}`;
}
