/** IOMMU_IOAS_UNMAP (ioas.c: iommufd_ioas_unmap; io_pagetable.c: iopt_unmap_iova_range). */
import { type ByteLength, byteLength, type Iova, iova, U64_MAX } from "../address.ts";
import type { Area } from "../area.ts";
import type { UnmapIova } from "../commands.ts";
import type { IoasEvent } from "../events.ts";
import type { Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";

const RANGE = [
  guard<UnmapIova>(
    "EOVERFLOW",
    "iommufd_ioas_unmap: iova or length is U64_MAX",
    (call) => call.iova >= U64_MAX || call.length >= U64_MAX,
  ),
  guard<UnmapIova>("EINVAL", "iopt_unmap_iova: no length", ({ length }) => length === 0n),
  guard<UnmapIova>("EOVERFLOW", "iopt_unmap_iova: the range wraps", (call) => call.iova + call.length - 1n > U64_MAX),
];

const NOTHING: Refusal = { errno: "ENOENT", rule: "iopt_unmap_iova_range: nothing is mapped there" };
const LOCKED: Refusal = { errno: "EBUSY", rule: "iopt_unmap_iova_range: a hardware queue locks the area" };
const PARTIAL: Refusal = { errno: "ENOENT", rule: "iopt_unmap_iova_range: an area sticks out of the range" };

/** `length`: bytes unmapped. A refusal may have unmapped the whole areas below the one that stopped it. */
export function unmapIova(state: ContextState, command: UnmapIova): Outcome<{ readonly length: ByteLength }> {
  const space = ioasOf(state, command.ioasId);
  const refuse = (refusal: Refusal, done: readonly IoasEvent[] = []) =>
    refused(refusal, [...done, unmapRefused(command, space)]);
  if (space === null) return refuse(NO_IOAS);
  const isAll = command.iova === 0n && command.length === U64_MAX;
  const range = isAll ? null : firstFailing(RANGE, command);
  if (range !== null) return refuse(range);
  const last = isAll ? U64_MAX : command.iova + command.length - 1n;
  const { bytes, stop, events } = unmapWhole(state, space, command.iova, last);
  if (stop !== null) return refuse(stop, events);
  if (bytes === 0n && !isAll) return refuse(NOTHING);
  // The kernel counts in 64 bits: the 2^64 bytes of a full space read as 0.
  return accepted({ length: byteLength(BigInt.asUintN(64, bytes)) }, events);
}

/** A space as far as an unmapping looks at it. */
export interface Areas extends Pick<Space, "handle"> {
  readonly areas: { in(first: bigint, last: bigint): Iterable<Area> };
}

/** iopt_unmap_iova_range: `stop` is why it did not get to the end; `events`, what it did until then. */
export function unmapWhole(state: ContextState, space: Areas, first: bigint, last: bigint) {
  const locks = locksOf(state, space);
  const { bytes, end, isStopped, isLocked } = wholeAreas(space, first, last, locks);
  const events = bytes === 0n ? [] : [unmapped(space, first, isStopped ? end : last, bytes)];
  const stop = isStopped ? (isLocked ? LOCKED : PARTIAL) : null;
  return { bytes, stop, events };
}

/** What hardware queues read in this space (pages.c: iopt_area_add_access with lock_area). */
function locksOf(state: ContextState, space: Areas): Range[] {
  const locks: Range[] = [];
  for (const object of state.objects.values())
    if (object.kind === "hw-queue" && state.accesses.get(object.access)?.ioas === space.handle)
      locks.push({ first: object.iova, last: object.last });
  return locks;
}

/** The areas of `[first, last]` from below, up to the first that is not wholly inside. */
export function wholeAreas(space: Pick<Areas, "areas">, first: bigint, last: bigint, locks: readonly Range[] = []) {
  let bytes = 0n;
  let end = first;
  for (const area of space.areas.in(first, last)) {
    const isLocked = locks.some((lock) => lock.first <= area.last && lock.last >= area.iova);
    if (isLocked || area.iova < first || area.last > last) return { bytes, end, isStopped: true, isLocked };
    bytes += area.last - area.iova + 1n;
    end = area.last;
  }
  return { bytes, end, isStopped: false, isLocked: false };
}

function unmapped(space: Areas, first: bigint, last: bigint, bytes: bigint): IoasEvent {
  return { type: "IovaUnmapped", ioas: space.handle, iova: iova(first), last: last as Iova, bytes: byteLength(bytes) };
}

function unmapRefused({ iova: first, length }: UnmapIova, space: Space | null): IoasEvent {
  return { type: "UnmapRefused", ioas: space?.handle ?? null, iova: iova(first), length: byteLength(length) };
}
