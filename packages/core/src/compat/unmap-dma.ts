/** VFIO_IOMMU_UNMAP_DMA on an iommufd (vfio_compat.c: iommufd_vfio_unmap_dma). */
import { byteLength, iova, U64_MAX } from "../address.ts";
import type { Area } from "../area.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "../decide/outcome.ts";
import { alignmentOf, isAligned, startOf } from "../decide/space-rules.ts";
import { type Areas, unmapWhole } from "../decide/unmap-iova.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState, Space } from "../state.ts";
import type { UnmapDma } from "../type1/commands.ts";
import { compatSpaceOf, NO_SPACE } from "./container-calls.ts";

/** struct vfio_iommu_type1_dma_unmap up to `size`. */
const ARG_BYTES_MIN = 24;
const ALL = 2;

const REQUEST = [
  guard<UnmapDma>("EFAULT", "iommufd_vfio_unmap_dma: bad pointer", ({ hasBadPointer }) => hasBadPointer === true),
  guard<UnmapDma>(
    "EINVAL",
    "iommufd_vfio_unmap_dma: argsz too small, or another flag than ALL",
    ({ argBytes, flags }) => (argBytes ?? ARG_BYTES_MIN) < ARG_BYTES_MIN || (flags & ~ALL) !== 0,
  ),
];

const ALL_RANGE = guard<UnmapDma>(
  "EINVAL",
  "iommufd_vfio_unmap_dma: ALL with a range",
  (call) => call.iova !== 0n || call.size !== 0n,
);

const RANGE = [
  guard<UnmapDma>("EINVAL", "iopt_unmap_iova: no length", ({ size }) => size === 0n),
  guard<UnmapDma>("EOVERFLOW", "iopt_unmap_iova: the range wraps", (call) => call.iova + call.size - 1n > U64_MAX),
];

/** A cut behind the byte at `at` of an area. */
interface Cut {
  readonly area: Area;
  readonly at: bigint;
  readonly alignment: bigint;
  readonly isPinned: boolean;
}

const CUT = [
  guard<Cut>("EOPNOTSUPP", "iopt_area_split: the area is a dma-buf", ({ area }) => area.source.kind === "dmabuf"),
  guard<Cut>(
    "EINVAL",
    "iopt_area_split: the cut is not aligned",
    ({ area, at, alignment }) =>
      !isAligned(at + 1n, alignment) || !isAligned(startOf(area.source) + (at + 1n - area.iova), alignment),
  ),
  guard<Cut>("EINVAL", "iopt_area_split: an in-kernel user has pages of the area pinned", ({ isPinned }) => isPinned),
];

/**
 * `size`: bytes unmapped, written back with an errno of the unmapping itself too. Without large pages (TYPE1)
 * areas are cut at both ends of the range first. A cut with no unmapping after it is left out: the next call
 * would make it again.
 */
export function unmapDma(
  state: ContextState,
  command: UnmapDma,
  environment: Environment,
): Outcome<{ readonly size: bigint }> {
  const space = compatSpaceOf(state);
  const refuse = (refusal: Refusal) => refused(refusal, [unmapRefused(command, space)]);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refuse(asked);
  if (space === null) return refuse(NO_SPACE);
  if ((command.flags & ALL) !== 0) {
    const range = firstFailing([ALL_RANGE], command);
    return range === null ? unmapRange(state, space, command, 0n, U64_MAX) : refuse(range);
  }
  const cut = space.largePages ? null : cutRefusal(state, space, command, environment);
  if (cut !== null) return refuse(cut);
  const range = firstFailing(RANGE, command);
  if (range !== null) return { ...refuse(range), out: { size: 0n } };
  const last = command.iova + command.size - 1n;
  if (space.largePages) return unmapRange(state, space, command, command.iova, last);
  return unmapRange(state, cutSpace(space, command.iova, last), command, command.iova, last);
}

/** A range with nothing in it is unmapped: 0 bytes. */
function unmapRange(
  state: ContextState,
  space: Areas,
  command: UnmapDma,
  first: bigint,
  last: bigint,
): Outcome<{ readonly size: bigint }> {
  const { bytes, stop, events } = unmapWhole(state, space, first, last);
  const out = { size: BigInt.asUintN(64, bytes) };
  if (stop === null) return accepted(out, events);
  return { ...refused(stop, [...events, unmapRefused(command, space)]), out };
}

/** iopt_cut_iova: behind the last byte of the range, then before its first. */
function cutRefusal(
  state: ContextState,
  space: Space,
  { iova: first, size }: UnmapDma,
  environment: Environment,
): Refusal | null {
  const alignment = alignmentOf(state, space, environment);
  const cuts = [BigInt.asUintN(64, first + size - 1n), ...(first === 0n ? [] : [first - 1n])];
  for (const at of cuts)
    for (const area of space.areas.in(at, at)) {
      if (at === area.iova || at === area.last) continue;
      const pins = [...environment.pins.values(), ...queuePins(state, space)];
      const isPinned = pins.some((pin) => pin.ioas === space.handle && pin.first <= area.last && pin.last >= area.iova);
      const refusal = firstFailing(CUT, { area, at, alignment, isPinned });
      if (refusal !== null) return refusal;
    }
  return null;
}

/** What hardware queues hold pinned. */
function* queuePins(state: ContextState, space: Space) {
  for (const object of state.objects.values())
    if (object.kind === "hw-queue" && state.accesses.get(object.access)?.ioas === space.handle)
      yield { ioas: space.handle, first: object.iova, last: object.last };
}

/** The areas as they are once cut at both ends of the range. */
function cutSpace(space: Space, first: bigint, last: bigint): Areas {
  const cut = function* (from: bigint, to: bigint) {
    for (const area of space.areas.in(from, to)) {
      const start = area.iova < first ? first : area.iova;
      const end = area.last > last ? last : area.last;
      yield { ...area, iova: iova(start), last: iova(end) };
    }
  };
  return { handle: space.handle, areas: { in: cut } };
}

function unmapRefused({ iova: first, size }: UnmapDma, space: Pick<Space, "handle"> | null): IoasEvent {
  return { type: "UnmapRefused", ioas: space?.handle ?? null, iova: iova(first), length: byteLength(size) };
}
