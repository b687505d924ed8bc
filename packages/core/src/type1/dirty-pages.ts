/** VFIO_IOMMU_DIRTY_PAGES (vfio_iommu_type1_dirty_pages, vfio_iova_dirty_bitmap). */
import { type Iova, U64_MAX } from "../address.ts";
import { firstFailing, guard } from "../decide/outcome.ts";
import type { UseDirtyPages } from "./commands.ts";
import { BAD_FILE, NO_DRIVER } from "./container-calls.ts";
import { BitmapWriter, hasWrongSize, isBeyondUserSpace } from "./dirty-bitmap.ts";
import { smallestPage, type Type1Environment } from "./environment.ts";
import type { Type1Event } from "./events.ts";
import { bisects } from "./find-dma.ts";
import { TOP_OF_SPACE } from "./kernel-bugs.ts";
import { done, refusedBy, suspect, type Type1Outcome } from "./outcome.ts";
import type { Container, Driver, Type1State } from "./state.ts";

const START = 1;
const STOP = 2;
const GET_BITMAP = 4;
/** struct vfio_iommu_type1_dirty_bitmap, and with a struct vfio_iommu_type1_dirty_bitmap_get behind it. */
const ARG_BYTES = 8;
const ARG_BYTES_GET = 48;

interface Request {
  readonly command: UseDirtyPages;
  readonly pageBytes: bigint;
  readonly driver: Driver;
}

/** `bitmap`: the words written, by index; null: the call writes none. */
export interface DirtyPages {
  readonly bitmap: ReadonlyMap<bigint, bigint> | null;
}

const argBytesOf = ({ argBytes, flags }: UseDirtyPages): number =>
  argBytes ?? ((flags & GET_BITMAP) !== 0 ? ARG_BYTES_GET : ARG_BYTES);

const REQUEST = [
  guard<Request>(
    "EACCES",
    "vfio_iommu_type1_dirty_pages: v1 has no dirty tracking",
    ({ driver }) => !driver.profile.tracksDirtyPages,
  ),
  guard<Request>(
    "EFAULT",
    "vfio_iommu_type1_dirty_pages: bad pointer",
    ({ command }) => command.hasBadPointer === true,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_dirty_pages: argsz too small, unknown flag, or not exactly one",
    ({ command }) => argBytesOf(command) < ARG_BYTES || ![START, STOP, GET_BITMAP].includes(command.flags),
  ),
];

const GET = [
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_dirty_pages: no room for a range in argsz",
    ({ command }) => argBytesOf(command) < ARG_BYTES_GET || command.bitmap === null,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_dirty_pages: iova + size wraps, or is 2^64",
    ({ command: { iova, size } }) => iova + size > U64_MAX,
  ),
  guard<Request>(
    "EINVAL",
    "access_ok: the bitmap is not in user space",
    ({ command: { bitmap } }) => bitmap !== null && isBeyondUserSpace(bitmap),
  ),
  guard<Request>(
    "EINVAL",
    "verify_bitmap_size: none, too many, or not the bytes that they take",
    ({ command: { bitmap, size } }) => bitmap !== null && hasWrongSize(bitmap, size),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_dirty_pages: not the smallest page, or not whole ones",
    ({ command: { bitmap, iova, size }, pageBytes }) =>
      bitmap?.pageSize !== pageBytes || size === 0n || ((iova | size) & (pageBytes - 1n)) !== 0n,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_dirty_pages: dirty tracking is off",
    ({ driver }) => driver.spareBits === null,
  ),
];

const BISECTED = guard<Request>(
  "EINVAL",
  "vfio_iova_dirty_bitmap: the range cuts a mapping",
  ({ driver, command: { iova, size } }) => bisects(driver, iova, iova + size - 1n),
);

export function useDirtyPages(
  state: Type1State,
  command: UseDirtyPages,
  environment: Type1Environment,
): Type1Outcome<DirtyPages> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  const { driver } = container;
  if (driver === null) return refusedBy(NO_DRIVER);
  const request = { command, pageBytes: smallestPage(environment.iommu), driver };
  const asked = firstFailing(REQUEST, request);
  if (asked !== null) return refusedBy(asked);
  if (command.flags !== GET_BITMAP) return done({ bitmap: null }, switchEvents(container, driver, command.flags));
  const refused = firstFailing(GET, request);
  if (refused !== null) return refusedBy(refused);
  const outcome = getBitmap(container, request, environment);
  return driver.isMisled ? suspect(outcome, TOP_OF_SPACE) : outcome;
}

/** On when on and off when off change nothing; off drops all bitmaps (vfio_dma_bitmap_free_all). */
function switchEvents({ handle }: Container, { spareBits }: Driver, flags: number): Type1Event[] {
  if (flags === START) return spareBits === null ? [{ type: "DirtyTrackingStarted", container: handle }] : [];
  return spareBits === null ? [] : [{ type: "DirtyTrackingStopped", container: handle }];
}

function getBitmap(
  { handle: container }: Container,
  request: Request,
  { memory }: Type1Environment,
): Type1Outcome<DirtyPages> {
  const cut = firstFailing([BISECTED], request);
  const { driver, command } = request;
  const { iova, size, bitmap } = command;
  if (cut !== null || bitmap === null) return refusedBy(cut ?? BISECTED);
  const writer = new BitmapWriter(bitmap, memory);
  const spareBits: (readonly [Iova, bigint])[] = [];
  for (const mapping of driver.mappings.in(iova, iova + size - 1n)) {
    const { spare, refusal } = writer.write(mapping, iova, driver.spareBits?.get(mapping.iova) ?? 0n);
    spareBits.push([mapping.iova, spare]);
    if (refusal !== null) return refusedBy(refusal, [{ type: "DirtyBitmapsRead", container, spareBits }]);
  }
  return done({ bitmap: writer.words }, [{ type: "DirtyBitmapsRead", container, spareBits }]);
}
