/**
 * Drift: an observed fact that the state before it rules out.
 *
 * The fact is kept all the same (recordings are authoritative); the disagreement is what shows
 * silent corruption, a lost event, or two spaces that a trace cannot tell apart. Where the state
 * does not know what was there before the recording began, nothing is claimed.
 */
import { hex, lengthOf, U64_MAX } from "./address.ts";
import type { Errno } from "./errno.ts";
import type { HotEvent, IoasEvent, IoasHandle } from "./events.ts";
import type { ProfileName } from "./fact.ts";
import type { ContextState, Space } from "./state.ts";

export interface Drift {
  /** Stable name of the rule that the fact breaks. */
  readonly rule: string;
  /** What the model says, for people. */
  readonly expected: string;
  /** What the record says, for people. */
  readonly observed: string;
}

type Unmapped = HotEvent<IoasHandle> & { type: "IovaUnmapped" };

/** `"unknown-before"`: it speaks of something that the recording never showed, so nobody can tell. */
export type Applicability = "holds" | "unknown-before" | "contradicts";

/** What a profile says of the calls that can contradict a state. */
interface Semantics {
  /** What a map over a living mapping gets; null: it silently replaces it (or nobody knows). */
  readonly overlap: Errno | "spaces-mixed" | null;
  /** Mappings are objects that an unmap takes whole. */
  readonly hasObjects: boolean;
  /** Whether the number of unmapped bytes says what was mapped. */
  readonly countsBytes: boolean;
  /** An unmap that finds nothing succeeds with 0 bytes. */
  readonly unmapsNothing: boolean;
  /** An unmap that begins inside a mapping succeeds with 0 bytes, whatever follows (type1 v1). */
  readonly stopsInside: boolean;
}

const KERNEL: Semantics = {
  overlap: "EEXIST",
  hasObjects: true,
  countsBytes: true,
  unmapsNothing: true,
  stopsInside: false,
};
const TCE: Semantics = { ...KERNEL, overlap: null, hasObjects: false, countsBytes: false };

/**
 * iommufd: io_pagetable.c iopt_check_iova, iopt_unmap_iova_range. type1: vfio_iommu_type1.c
 * vfio_dma_do_map, vfio_dma_do_unmap. sPAPR: vfio_iommu_spapr_tce.c tce_iommu_build (an exchange).
 * virtio-iommu: VIRTIO 1.3 5.13.6.5 and 5.13.6.6. vfio-user: libvfio-user lib/dma.c.
 */
const SEMANTICS: Readonly<Record<ProfileName, Semantics>> = {
  iommufd: { ...KERNEL, unmapsNothing: false },
  "iommufd-vfio-compat": KERNEL,
  "vfio-type1v2": KERNEL,
  "vfio-type1": { ...KERNEL, hasObjects: false, stopsInside: true },
  "virtio-iommu": { ...KERNEL, overlap: "EINVAL" },
  "vfio-user": { ...KERNEL, overlap: "EINVAL", hasObjects: false },
  "kernel-trace": { ...KERNEL, overlap: "spaces-mixed", hasObjects: false },
  "spapr-tce": TCE,
  "spapr-tce-v2": TCE,
  unknown: { ...KERNEL, overlap: null, hasObjects: false },
};

/**
 * The disagreement of `event` (with its `errno`) with the state just before it, or null.
 * Only maps and unmaps can disagree; an event that names no space never does.
 */
export function driftOf(
  state: ContextState,
  event: IoasEvent,
  errno: Errno | null,
  profile: ProfileName,
): Drift | null {
  const space = spaceOf(state, event);
  if (space === null || state.isLosing) return null;
  const semantics = SEMANTICS[profile];
  switch (event.type) {
    case "IovaMapped":
      return mapDrift(space, event, semantics, state.lostAt);
    case "IovaUnmapped":
      return unmapDrift(space, event, semantics, state.lostAt);
    case "MapRefused":
      return errno === "EEXIST" && semantics.overlap === "EEXIST" ? refusedMapDrift(space, event) : null;
    case "UnmapRefused":
      return errno === "ENOENT" && profile === "iommufd" ? refusedUnmapDrift(space, event) : null;
    default:
      return null;
  }
}

/** Whether `event` makes sense in `state`; refusals and everything but maps and unmaps do. */
export function applies(state: ContextState, event: IoasEvent, profile: ProfileName): Applicability {
  if (event.type !== "IovaMapped" && event.type !== "IovaUnmapped") return "holds";
  if (driftOf(state, event, null, profile) !== null) return "contradicts";
  if (event.type === "IovaMapped" || event.bytes === 0n || !SEMANTICS[profile].countsBytes) return "holds";
  const space = spaceOf(state, event);
  return space?.areas.overlaps(event.iova, event.last) ? "holds" : "unknown-before";
}

/** `lostAt`: what was mapped before that version may have gone unseen. */
function mapDrift(
  space: Space,
  event: HotEvent<IoasHandle> & { type: "IovaMapped" },
  semantics: Semantics,
  lostAt: number,
): Drift | null {
  if (semantics.overlap === null) return null;
  const area = space.areas.lowestIn(event.iova, event.last);
  if (area === null || area.version < lostAt) return null;
  const there = `${range(area.iova, area.last)} is mapped since version ${area.version}`;
  const observed = `mapped ${range(event.iova, event.last)}`;
  return semantics.overlap === "spaces-mixed"
    ? drift("spaces-mixed", `no map over a living one in one space (${there})`, observed)
    : drift("map-over-mapped", `${semantics.overlap}: ${there}`, observed);
}

function unmapDrift(space: Space, event: Unmapped, semantics: Semantics, lostAt: number): Drift | null {
  const { iova, last, bytes } = event;
  if (!semantics.countsBytes) return null;
  const held = heldIn(space, iova, last);
  if (held.oldest < lostAt) return null;
  if (semantics.stopsInside && bytes === 0n && (held.first ?? iova) < iova) return null;
  if (held.bytes === 0n) {
    const isPlain = bytes === 0n && (semantics.unmapsNothing || (iova === 0n && last === U64_MAX));
    if (isPlain || !isKnown(space, iova, last)) return null;
    return (
      mixed(semantics, event) ?? drift("unmap-of-nothing", `nothing is mapped in ${range(iova, last)}`, unmapped(event))
    );
  }
  if (semantics.hasObjects && held.cut !== null)
    return drift(
      "unmap-cuts-mapping",
      `${range(held.cut.first, held.cut.last)} is unmapped whole or not at all`,
      unmapped(event),
    );
  // More than is held may be what was mapped before the recording; less than is held never is right.
  if (bytes === held.bytes || (bytes > held.bytes && !isKnown(space, iova, last))) return null;
  return (
    mixed(semantics, event) ??
    drift("unmap-size", `${hex(held.bytes)} bytes are mapped in ${range(iova, last)}`, unmapped(event))
  );
}

/** A page table that holds something else than what an unmap took is another space's. */
function mixed(semantics: Semantics, event: Unmapped): Drift | null {
  if (semantics.overlap !== "spaces-mixed") return null;
  return drift("spaces-mixed", "in one space, an unmap takes what was mapped there", unmapped(event));
}

function unmapped({ iova, last, bytes }: Unmapped): string {
  return `unmapped ${hex(bytes)} bytes in ${range(iova, last)}`;
}

function refusedMapDrift(space: Space, event: HotEvent<IoasHandle> & { type: "MapRefused" }): Drift | null {
  if (event.iova === null || event.length === 0n) return null;
  const last = event.iova + event.length - 1n;
  if (last > U64_MAX || !isKnown(space, event.iova, last) || space.areas.overlaps(event.iova, last)) return null;
  const asked = range(event.iova, last);
  return drift("refused-but-free", `nothing is mapped in ${asked}`, `EEXIST for ${asked}`);
}

function refusedUnmapDrift(space: Space, event: HotEvent<IoasHandle> & { type: "UnmapRefused" }): Drift | null {
  const last = event.iova + event.length - 1n;
  if (event.length === 0n || last > U64_MAX) return null;
  const held = heldIn(space, event.iova, last);
  // A mapping that sticks out is refused rightly, and so may be one that the recording never showed.
  if (held.bytes === 0n || held.cut !== null || !isKnown(space, event.iova, last)) return null;
  const asked = range(event.iova, last);
  return drift("refused-but-mapped", `${hex(held.bytes)} bytes are mapped in ${asked}, whole`, `ENOENT for ${asked}`);
}

/** The living space that `event` names, or null; never makes one. */
function spaceOf(state: ContextState, event: IoasEvent): Space | null {
  if (!("ioas" in event) || event.ioas === null) return null;
  const space = state.spaces[event.ioas];
  return space?.isAlive ? space : null;
}

function isKnown(space: Space, first: bigint, last: bigint): boolean {
  return space.isWhole || space.known.covers(first, last);
}

interface Held {
  bytes: bigint;
  /** The first mapping that sticks out of the range. */
  cut: { readonly first: bigint; readonly last: bigint } | null;
  /** First byte of the lowest mapping, which may lie below the range. */
  first: bigint | null;
  /** Version of the mapping that was made first. */
  oldest: number;
}

/** What is mapped in `[iova, last]`. */
function heldIn(space: Space, iova: bigint, last: bigint): Held {
  const held: Held = { bytes: 0n, cut: null, first: null, oldest: Number.POSITIVE_INFINITY };
  space.areas.someIn(iova, last, (areaFirst, areaLast, version) => {
    if (areaFirst >= iova && areaLast <= last) held.bytes += lengthOf(areaFirst, areaLast);
    else {
      held.cut ??= { first: areaFirst, last: areaLast };
      held.bytes += lengthOf(areaFirst < iova ? iova : areaFirst, areaLast > last ? last : areaLast);
    }
    held.first ??= areaFirst;
    if (version < held.oldest) held.oldest = version;
    return false;
  });
  return held;
}

function range(iova: bigint, last: bigint): string {
  return `[${hex(iova)}, ${hex(last)}]`;
}

function drift(rule: string, expected: string, observed: string): Drift {
  return { rule, expected, observed };
}
