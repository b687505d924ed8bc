/** VFIO_IOMMU_UNMAP_DMA (vfio_iommu_type1_unmap_dma, vfio_dma_do_unmap). */
import { type ByteLength, byteLength, U64_MAX } from "../address.ts";
import type { Span } from "../area.ts";
import { firstFailing, guard, type Refusal } from "../decide/outcome.ts";
import type { UnmapDma } from "./commands.ts";
import { BAD_FILE, NO_DRIVER } from "./container-calls.ts";
import { BitmapWriter, hasWrongSize, isBeyondUserSpace } from "./dirty-bitmap.ts";
import { smallestPage, type Type1Environment } from "./environment.ts";
import type { Type1Event } from "./events.ts";
import { bisects } from "./find-dma.ts";
import { TOP_OF_SPACE } from "./kernel-bugs.ts";
import { done, refusedBy, suspect, type Type1Outcome } from "./outcome.ts";
import type { Container, Driver, Type1State } from "./state.ts";

const GET_DIRTY_BITMAP = 1;
const ALL = 2;
const VADDR = 4;
/** struct vfio_iommu_type1_dma_unmap up to `size`, and with a struct vfio_bitmap behind it. */
const ARG_BYTES = 24;
const ARG_BYTES_BITMAP = 48;

/** `bitmap`: the words written, by index. */
export interface Unmapped {
  readonly size: ByteLength;
  readonly bitmap: ReadonlyMap<bigint, bigint> | null;
}

interface Request {
  readonly call: UnmapDma;
  readonly pageBytes: bigint;
  readonly driver: Driver;
}

const wants = ({ flags }: UnmapDma, flag: number): boolean => (flags & flag) !== 0;
const argBytesOf = (call: UnmapDma): number =>
  call.argBytes ?? (wants(call, GET_DIRTY_BITMAP) ? ARG_BYTES_BITMAP : ARG_BYTES);

const REQUEST = [
  guard<Request>("EFAULT", "vfio_iommu_type1_unmap_dma: bad pointer", ({ call }) => call.hasBadPointer === true),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_unmap_dma: argsz too small or unknown flag",
    ({ call }) => argBytesOf(call) < ARG_BYTES || call.flags >= 8,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_unmap_dma: a dirty bitmap with ALL or VADDR",
    ({ call }) => wants(call, GET_DIRTY_BITMAP) && wants(call, ALL | VADDR),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_unmap_dma: no room for a bitmap in argsz",
    ({ call }) => wants(call, GET_DIRTY_BITMAP) && argBytesOf(call) < ARG_BYTES_BITMAP,
  ),
  guard<Request>(
    "EINVAL",
    "access_ok: the bitmap is not in user space",
    ({ call }) => wants(call, GET_DIRTY_BITMAP) && call.bitmap !== null && isBeyondUserSpace(call.bitmap),
  ),
  guard<Request>(
    "EINVAL",
    "verify_bitmap_size: none, too many, or not the bytes that they take",
    ({ call }) => wants(call, GET_DIRTY_BITMAP) && call.bitmap !== null && hasWrongSize(call.bitmap, call.size),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_unmap: iova is not at a page",
    ({ call, pageBytes }) => (call.iova & (pageBytes - 1n)) !== 0n,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_unmap: ALL of a range",
    ({ call }) => wants(call, ALL) && (call.iova !== 0n || call.size !== 0n),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_unmap: no size, not whole pages, or it wraps",
    ({ call, pageBytes }) =>
      !wants(call, ALL) &&
      (call.size === 0n || (call.size & (pageBytes - 1n)) !== 0n || call.iova + call.size - 1n > U64_MAX),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_unmap: dirty tracking is off, or in other pages",
    ({ call, driver, pageBytes }) =>
      wants(call, GET_DIRTY_BITMAP) && (driver.spareBits === null || call.bitmap?.pageSize !== pageBytes),
  ),
];

const BISECTED = guard<Request>(
  "EINVAL",
  "vfio_dma_do_unmap: v2 cuts no mapping",
  ({ call, driver }) =>
    driver.profile.refusesBisection && !wants(call, ALL) && bisects(driver, call.iova, call.iova + call.size - 1n),
);

const ALREADY_INVALID: Refusal = {
  errno: "EINVAL",
  rule: "vfio_dma_do_unmap: the user address of a mapping is invalid already",
};

export function unmapDma(state: Type1State, command: UnmapDma, environment: Type1Environment): Type1Outcome<Unmapped> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  const { driver } = container;
  if (driver === null) return refusedBy(NO_DRIVER);
  const request: Request = { call: command, pageBytes: smallestPage(environment.iommu), driver };
  const asked = firstFailing(REQUEST, request);
  if (asked !== null) return refusedBy(asked);
  const outcome = walk(container, request, environment);
  return driver.isMisled ? suspect(outcome, TOP_OF_SPACE) : outcome;
}

function walk(
  { handle: container }: Container,
  request: Request,
  environment: Type1Environment,
): Type1Outcome<Unmapped> {
  const cut = BISECTED.fails(request) ? BISECTED : null;
  if (cut !== null) return refusedBy(cut);
  const { call, driver } = request;
  const victims = coveredBy(call, driver);
  if (wants(call, VADDR)) return invalidate(container, driver, victims);
  const { bitmap } = call;
  if (!wants(call, GET_DIRTY_BITMAP) || bitmap === null)
    return done({ size: bytesOf(victims), bitmap: null }, removal(container, victims));
  const writer = new BitmapWriter(bitmap, environment.memory);
  for (const [i, mapping] of victims.entries()) {
    const spare = driver.spareBits?.get(mapping.iova) ?? 0n;
    const written = writer.write(mapping, call.iova, spare);
    if (written.refusal === null) continue;
    // Mappings below are gone, the bits of this one are shifted.
    const read: Type1Event = { type: "DirtyBitmapsRead", container, spareBits: [[mapping.iova, written.spare]] };
    return refusedBy(written.refusal, [...removal(container, victims.slice(0, i)), read]);
  }
  return done({ size: bytesOf(victims), bitmap: writer.words }, removal(container, victims));
}

/**
 * The mappings that the walk takes, ascending, from the first that ends above iova
 * (vfio_find_dma_first_node) to the last that begins below iova + size, which is 0 at the top of the space.
 */
function coveredBy(call: UnmapDma, driver: Driver): Span[] {
  const { iova, size } = call;
  if (wants(call, ALL)) return [...driver.mappings.all()];
  const last = iova + size - 1n;
  if (last === U64_MAX) return [];
  const found = driver.mappings.spans(iova, last);
  const [lowest] = found;
  // Only v1 comes here with a mapping that begins below: it stops, and calls that success.
  return lowest !== undefined && lowest.iova < iova ? [] : found;
}

function invalidate(container: number, driver: Driver, victims: readonly Span[]): Type1Outcome<Unmapped> {
  const iovas = victims.map(({ iova }) => iova);
  // Those that the call has marked by then are unmarked again.
  if (iovas.some((iova) => driver.invalidVaddrs.has(iova))) return refusedBy(ALREADY_INVALID);
  const events: Type1Event[] = iovas.length === 0 ? [] : [{ type: "VaddrsInvalidated", container, iovas }];
  return done({ size: bytesOf(victims), bitmap: null }, events);
}

function removal(container: number, victims: readonly Span[]): Type1Event[] {
  if (victims.length === 0) return [];
  return [{ type: "DmaUnmapped", container, iovas: victims.map(({ iova }) => iova) }];
}

function bytesOf(areas: readonly Span[]): ByteLength {
  return byteLength(areas.reduce((sum, { iova, last }) => sum + (last - iova + 1n), 0n));
}
