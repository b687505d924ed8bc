/**
 * Everything that can have happened to the address spaces of one context.
 *
 * Past tense, object first; an event records the outcome, never the request. A call that was
 * refused is an event too (`...Refused`, with its errno in the envelope). Flat payloads; version,
 * time and actor live in the envelope (`Recorded`), which `decide` and `evolve` never see.
 *
 * `Ref` is how an event names a space or a page table: by stable handle in the history
 * (`IoasEvent`), by kernel id in what a decoder observed (`ObservedEvent`).
 */
import type { ByteLength, Iova } from "./address.ts";
import type { Errno } from "./errno.ts";
import type { ProfileName } from "./fact.ts";
import type { Range } from "./range.ts";
import type { Prot, Source } from "./source.ts";

/** `ioas0`, `ioas1`, ... in order of creation; never reused in a context. */
export type IoasHandle = number;
/** `hwpt0`, `hwpt1`, ...; never reused in a context. */
export type HwptHandle = number;
/** A device by the name its source gives it (`0000:00:05.0`, `endpoint 24`, `dev0`). */
export type DeviceName = string;

/** Somebody who reserves ranges: `device:NAME`, `hwpt:N` or `user`. */
export type ReservationOwner = string;

interface MappedEvent<Ref> {
  readonly type: "IovaMapped";
  readonly ioas: Ref;
  readonly iova: Iova;
  readonly last: Iova;
  readonly prot: Prot;
  readonly source: Source;
}

/** Everything mapped in `[iova, last]` is gone; `bytes` of it were mapped. */
interface UnmappedEvent<Ref> {
  readonly type: "IovaUnmapped";
  readonly ioas: Ref;
  readonly iova: Iova;
  readonly last: Iova;
  readonly bytes: ByteLength;
}

/** `length` and not `last`: what was refused may be empty or wrap. Null: the source does not say. */
interface MapRefusedEvent<Ref> {
  readonly type: "MapRefused";
  readonly ioas: Ref | null;
  readonly iova: Iova | null;
  readonly length: ByteLength;
  readonly prot: Prot;
  readonly source: Source;
}

interface UnmapRefusedEvent<Ref> {
  readonly type: "UnmapRefused";
  readonly ioas: Ref | null;
  readonly iova: Iova;
  readonly length: ByteLength;
}

/** The four of which a history holds millions: they live in columns. */
export type HotEvent<Ref> = MappedEvent<Ref> | UnmappedEvent<Ref> | MapRefusedEvent<Ref> | UnmapRefusedEvent<Ref>;

/** The rest: few, kept as records. `kernelId` is the kernel's number while the object lives. */
export type ColdEvent<Ref> = Readonly<
  | { type: "IoasAllocated"; ioas: Ref; kernelId: number | null }
  /** The recording first speaks of a space that was there before it began. */
  | { type: "IoasFound"; ioas: Ref; kernelId: number }
  | { type: "IoasDestroyed"; ioas: Ref }
  | { type: "IovasAllowed"; ioas: Ref; ranges: readonly Range[] }
  | { type: "IovaReserved"; ioas: Ref; owner: ReservationOwner; iova: Iova; last: Iova }
  | { type: "IovaUnreserved"; ioas: Ref; owner: ReservationOwner }
  | { type: "LargePagesEnabled"; ioas: Ref }
  | { type: "LargePagesDisabled"; ioas: Ref }
  | {
      type: "HwptAllocated";
      hwpt: Ref;
      ioas: Ref;
      kernelId: number | null;
      /** Made by an attach and gone with its last device; false: made by IOMMU_HWPT_ALLOC. */
      auto: boolean;
      /** Smallest io page in bytes; null: not told. */
      pageSize: bigint | null;
      aperture: Range | null;
      dirtyTracking: boolean;
      nestParent: boolean;
      /** The page table that a nested one (user-managed) translates through; absent: a paging one. */
      parent?: HwptHandle;
      /** Kernel id of the fault queue that its page faults go to; absent: none. */
      fault?: number;
      /** Kernel id of the vIOMMU that a nested one belongs to; absent: none. */
      viommu?: number;
      /** HWPT_ALLOC_PASID: it can be attached to a PASID; absent: it cannot. */
      takesPasids?: true;
      /** The device that HWPT_ALLOC named, of a nested one or a parent of such: its driver's; absent: not told. */
      device?: DeviceName;
    }
  | { type: "HwptDestroyed"; hwpt: Ref }
  | { type: "DirtyTrackingStarted"; hwpt: Ref | null }
  | { type: "DirtyTrackingStopped"; hwpt: Ref | null }
  /** `objectId`: a device of the kernel's self-test is an object of its own, beside the bound one. */
  | { type: "DeviceBound"; device: DeviceName; kernelId: number | null; group: string | null; objectId?: number }
  | { type: "DeviceUnbound"; device: DeviceName }
  /**
   * `ioas` null: attached to something that the source does not name. `ioasKernelId`: set by the
   * importer where this event is the first that speaks of the space (see `IoasFound`).
   */
  | {
      type: "DeviceAttached";
      device: DeviceName;
      pasid: number | null;
      ioas: Ref | null;
      hwpt: Ref | null;
      ioasKernelId?: number;
    }
  | { type: "DeviceDetached"; device: DeviceName; pasid: number | null }
  /** An in-kernel user of a space (iommufd_access); `pins`: it demands page alignment. */
  | { type: "AccessAttached"; access: string; kernelId: number | null; ioas: Ref | null; pins: boolean }
  | { type: "AccessClosed"; access: string }
  /** sPAPR: bus addresses [iova, last] translate, in TCEs of `pageSize` bytes. */
  | { type: "WindowCreated"; ioas: Ref; iova: Iova; last: Iova; pageSize: bigint }
  | { type: "WindowRemoved"; ioas: Ref; iova: Iova; last: Iova }
  | { type: "MemoryRegistered"; va: bigint; length: ByteLength }
  | { type: "MemoryUnregistered"; va: bigint; length: ByteLength }
  /** OPTION RLIMIT_MODE: pinned pages are charged to the user or to the process' memory. */
  | { type: "RlimitModeSet"; mode: "user" | "mm" }
  /** Every other call that failed; the errno is in the envelope. */
  | { type: "CallRefused"; call: string; detail: string }
  | {
      type: "FaultReported";
      /** The printer: `dmar`, `amd-vi`, `smmu-v2`, `smmu-v3`, `io_page_fault`, ... */
      format: string;
      device: DeviceName | null;
      pasid: number | null;
      iova: Iova | null;
      access: "read" | "write" | "unknown";
      reason: string;
    }
  /** The recorder lost events (ring overrun, rate limit): the history has a gap here. */
  | {
      type: "EventsLost";
      count: number | null;
      what: string /** More are missing until the next of these. */;
      ongoing?: true;
    }
  /** At this point the source's clock read `clock` seconds and the wall clock `realtime` seconds (decimal strings). */
  | { type: "ClockAnchored"; clock: string; seconds: string; realtime: string }
  | { type: "BookmarkSet"; name: string }
  /**
   * A context made for commands: what decides their outcomes beside them. `kernel`: a release such as
   * "6.12"; null where the profile has none. `policy`: who chooses the layout; null: nobody is held to
   * anything. `setup`: JSON of the layout and the hosts as they were given.
   */
  | { type: "ContextCreated"; profile: ProfileName; kernel: string | null; policy: string | null; setup: string }
  /** Something of a driver that is no address space: files, groups, charges (see `DriverChange`). */
  | { type: "DriverChanged"; change: DriverChange }
  /** IOMMU_VFIO_IOAS: the ioas behind the emulated container; null: none. */
  | { type: "VfioIoasSet"; ioas: Ref | null }
  /** The objects from here on are named by kernel id alone: no mapping is theirs. */
  | { type: "FaultQueueAllocated"; kernelId: number }
  /** `iommu`: the IOMMU of the device that it was made for, by name; null: not told. */
  | { type: "ViommuAllocated"; kernelId: number; hwpt: Ref | null; viommuType: number; iommu: string | null }
  | { type: "VdeviceAllocated"; kernelId: number; viommu: number; device: DeviceName; virtualId: bigint }
  | { type: "VeventQueueAllocated"; kernelId: number; viommu: number; queueType: number; depth: number }
  /** The guest's queue at [iova, last] of the nest parent's space stays pinned for the hardware, as `access`. */
  | {
      type: "HwQueueAllocated";
      kernelId: number;
      viommu: number;
      queueType: number;
      index: number;
      iova: Iova;
      last: Iova;
      access: string;
    }
  /** The file of a fault or event queue is closed: from now on the object can be destroyed. */
  | { type: "QueueFileClosed"; kernelId: number }
  /** `isLeaked`: its id stays taken until the fd is closed. */
  | { type: "IommufdObjectDestroyed"; kernelId: number; isLeaked?: true }
>;

/** A driver's own event, by its type: numbers, words, addresses and lists of them. */
export interface DriverChange {
  readonly type: string;
  readonly [field: string]: unknown;
}

export type EventOf<Ref> = HotEvent<Ref> | ColdEvent<Ref>;
export type IoasEvent = EventOf<IoasHandle>;
export type EventType = IoasEvent["type"];

/** Position = code on disk; add at the end only. */
export const EVENT_TYPES = [
  "IovaMapped",
  "IovaUnmapped",
  "MapRefused",
  "UnmapRefused",
  "IoasAllocated",
  "IoasDestroyed",
  "IovasAllowed",
  "IovaReserved",
  "IovaUnreserved",
  "LargePagesEnabled",
  "LargePagesDisabled",
  "HwptAllocated",
  "HwptDestroyed",
  "DirtyTrackingStarted",
  "DirtyTrackingStopped",
  "DeviceBound",
  "DeviceUnbound",
  "DeviceAttached",
  "DeviceDetached",
  "AccessAttached",
  "AccessClosed",
  "WindowCreated",
  "WindowRemoved",
  "MemoryRegistered",
  "MemoryUnregistered",
  "CallRefused",
  "FaultReported",
  "EventsLost",
  "ClockAnchored",
  "BookmarkSet",
  "IoasFound",
  "RlimitModeSet",
  "ContextCreated",
  "DriverChanged",
  "VfioIoasSet",
  "FaultQueueAllocated",
  "ViommuAllocated",
  "VdeviceAllocated",
  "VeventQueueAllocated",
  "HwQueueAllocated",
  "QueueFileClosed",
  "IommufdObjectDestroyed",
] as const satisfies readonly EventType[];

/** A reading of a source's clock. `ticks / 10^decimals` seconds; the digits are exact. */
export interface Stamp {
  /** `realtime` (QEMU, wall clock), `trace` (ftrace local), `mono`, `boot`, `dmesg`, `counter`, ... */
  readonly clock: string;
  readonly ticks: bigint;
  readonly decimals: number;
}

/** Who made the call, as far as the source tells. `tid` is what ftrace prints behind the name. */
export interface Actor {
  readonly comm: string | null;
  readonly pid: number | null;
  readonly tid: number | null;
  readonly cpu: number | null;
  /** ftrace's latency columns (`d.h1.`), kept as printed. */
  readonly flags: string | null;
}

/** What the journal adds to a fact. The first event of a context has version 1; version 0 is empty. */
export interface Recorded {
  readonly version: number;
  readonly epoch: number;
  readonly stamp: Stamp | null;
  readonly actor: Actor | null;
  readonly errno: Errno | null;
  /** Line of the imported file, 1-based; 0: not from a file. */
  readonly line: number;
  readonly event: IoasEvent;
}
