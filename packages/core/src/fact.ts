/**
 * What a decoder saw, before a history gives it names: the way in for recordings.
 *
 * A decoder knows kernel ids, not handles, and may meet several contexts in one file. The
 * recording is authoritative: facts are never refused, only compared with the model (drift).
 */
import type { ByteLength, Iova } from "./address.ts";
import type { Errno } from "./errno.ts";
import type { Actor, ColdEvent, HotEvent, Stamp } from "./events.ts";

/**
 * A space or page table as its source names it: the kernel's id, or null where the source names
 * none (then the context has one space and this is it).
 */
export type KernelRef = number | null;

export type ObservedEvent = HotEvent<KernelRef> | ColdEvent<KernelRef>;

/** The semantics of the call that a fact comes from; they decide what counts as drift. */
export const PROFILE_NAMES = [
  "iommufd",
  "vfio-type1v2",
  "vfio-type1",
  "iommufd-vfio-compat",
  "spapr-tce-v2",
  "spapr-tce",
  "virtio-iommu",
  /** iommu:* trace events: page-table operations of a whole kernel, no mapping objects, no space named. */
  "kernel-trace",
  /** A user-space listener (libvfio-user, SPDK): regions asked for, overlap refused. */
  "vfio-user",
  "unknown",
] as const;
export type ProfileName = (typeof PROFILE_NAMES)[number];

export interface Fact {
  /**
   * Which context of the file: `""` for the only or first one, else a key that is stable within
   * the file (`iommufd=27`, `container=0xff11...`). The importer names them in order of appearance.
   */
  readonly context: string;
  readonly profile: ProfileName;
  readonly event: ObservedEvent;
  readonly errno: Errno | null;
  readonly stamp: Stamp | null;
  readonly actor: Actor | null;
  /** 1-based line of the file at which the outcome was known. */
  readonly line: number;
  /**
   * A disagreement that the line itself shows (a call that succeeded and did nothing): reported
   * as drift at this line, whatever the state says.
   */
  readonly drift?: { readonly rule: string; readonly expected: string; readonly observed: string };
}

/**
 * A page-table operation that succeeded, of a source that names no space: what the large recordings consist of.
 *
 * One object is filled again and again by whoever reads such a recording, so it tells of a fact during the call
 * only. It is the same as the `Fact` that `factOfRange` makes of it.
 */
export class RangeFact {
  context = "";
  profile: ProfileName = "unknown";
  /** False: [iova, last] was unmapped. */
  isMap = false;
  iova = 0n as Iova;
  last = 0n as Iova;
  /** Map: physical address of the first byte, which is that of one run. Unmap: bytes that were mapped, below 2^64. */
  value = 0n;
  stamp: Stamp | null = null;
  actor: Actor | null = null;
  line = 0;
}

/** A fact to be kept. */
export function factOfRange({ context, profile, isMap, iova, last, value, stamp, actor, line }: RangeFact): Fact {
  const event: ObservedEvent = isMap
    ? { type: "IovaMapped", ioas: null, iova, last, prot: "unknown", source: { kind: "paddr", paddr: value } }
    : { type: "IovaUnmapped", ioas: null, iova, last, bytes: value as ByteLength };
  return { context, profile, event, errno: null, stamp, actor, line };
}
