/** VFIO_IOMMU_MAP_DMA (vfio_iommu_type1_map_dma, vfio_dma_do_map). */
import { iova as iovaOf, U64_MAX } from "../address.ts";
import { firstFailing, guard, type Refusal } from "../decide/outcome.ts";
import type { MapDma } from "./commands.ts";
import { BAD_FILE, NO_DRIVER } from "./container-calls.ts";
import { smallestPage, type Type1Environment } from "./environment.ts";
import { findDma, overlapsDma } from "./find-dma.ts";
import { isValid } from "./iova-list.ts";
import { TOP_OF_SPACE } from "./kernel-bugs.ts";
import { done, refusedBy, suspect, type Type1Outcome } from "./outcome.ts";
import { pinDma } from "./pin-dma.ts";
import type { Container, Driver, Type1State } from "./state.ts";

type Nothing = Record<never, never>;

const READ = 1;
const WRITE = 2;
const VADDR = 4;
/** Up to the end of struct vfio_iommu_type1_dma_map. */
const ARG_BYTES = 32;

interface Request {
  readonly call: MapDma;
  readonly pageBytes: bigint;
}

const REQUEST = [
  guard<Request>("EFAULT", "vfio_iommu_type1_map_dma: bad pointer", ({ call }) => call.hasBadPointer === true),
  guard<Request>(
    "EINVAL",
    "vfio_iommu_type1_map_dma: argsz too small or unknown flag",
    ({ call: { argBytes, flags } }) => (argBytes ?? ARG_BYTES) < ARG_BYTES || flags >= 8,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_map: VADDR with an access, or neither",
    ({ call: { flags } }) => ((flags & VADDR) !== 0) === ((flags & (READ | WRITE)) !== 0),
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_map: no size, or not whole pages",
    ({ call: { size, iova, userVa }, pageBytes }) => size === 0n || ((size | iova | userVa) & (pageBytes - 1n)) !== 0n,
  ),
  guard<Request>(
    "EINVAL",
    "vfio_dma_do_map: iova or vaddr wraps",
    ({ call: { size, iova, userVa } }) => iova + size - 1n > U64_MAX || userVa + size - 1n > U64_MAX,
  ),
];

const NO_MAPPING: Refusal = { errno: "ENOENT", rule: "vfio_dma_do_map: VADDR where nothing is mapped" };
const NOT_INVALID: Refusal = {
  errno: "EINVAL",
  rule: "vfio_dma_do_map: VADDR of another range than the mapping's, or of a mapping that has one",
};

interface Place {
  readonly driver: Driver;
  readonly first: bigint;
  readonly last: bigint;
}

/** In this order: an overlap is told before a full table, and that before a bad range. */
const PLACE = [
  guard<Place>("EEXIST", "vfio_find_dma: overlaps a mapping", (at) => overlapsDma(at.driver, at.first, at.last)),
  guard<Place>("ENOSPC", "vfio_dma_do_map: dma_entry_limit is reached", ({ driver }) => driver.entriesLeft <= 0),
  guard<Place>(
    "EINVAL",
    "vfio_iommu_iova_dma_valid: not inside one valid range",
    ({ driver, first, last }) => !isValid(driver.layout.iovas, first, last),
  ),
];

export function mapDma(state: Type1State, command: MapDma, environment: Type1Environment): Type1Outcome<Nothing> {
  const container = state.openContainer(command.container);
  if (container === null) return refusedBy(BAD_FILE);
  const { driver } = container;
  if (driver === null) return refusedBy(NO_DRIVER);
  const asked = firstFailing(REQUEST, { call: command, pageBytes: smallestPage(environment.iommu) });
  if (asked !== null) return refusedBy(asked);
  const outcome =
    (command.flags & VADDR) !== 0
      ? updateVaddr(container, driver, command)
      : newMapping(state, container, driver, command, environment);
  const isDoubtful =
    driver.isMisled || hidesOverlap(driver, command, outcome) || isChargeUnknown(state, environment, outcome);
  return isDoubtful ? suspect(outcome, TOP_OF_SPACE) : outcome;
}

/** Pages that were never given back count against the limit. */
function isChargeUnknown(state: Type1State, environment: Type1Environment, { errno }: Type1Outcome<Nothing>): boolean {
  const isLimited = !environment.canLockMemory && environment.memlockBytes !== null;
  return state.hasLostMapping && isLimited && (errno === null || errno === "ENOMEM" || errno === "EFAULT");
}

/** A range that ends at 2^64-1 is not seen to overlap: what the page table then says is the IOMMU's affair. */
function hidesOverlap({ mappings }: Driver, { iova, size }: MapDma, { errno }: Type1Outcome<Nothing>): boolean {
  const last = iova + size - 1n;
  return errno === null && last === U64_MAX && mappings.overlaps(iova, last);
}

function updateVaddr({ handle }: Container, driver: Driver, { iova, size, userVa }: MapDma): Type1Outcome<Nothing> {
  const last = iova + size - 1n;
  const found = findDma(driver, iova, last);
  if (found === null) return refusedBy(NO_MAPPING);
  if (!driver.invalidVaddrs.has(found.iova) || found.iova !== iova || found.last !== last)
    return refusedBy(NOT_INVALID);
  return done({}, [{ type: "VaddrUpdated", container: handle, iova: found.iova, userVa }]);
}

function newMapping(
  state: Type1State,
  { handle }: Container,
  driver: Driver,
  { iova, size, userVa, flags }: MapDma,
  environment: Type1Environment,
): Type1Outcome<Nothing> {
  const last = iova + size - 1n;
  const forbidden = environment.policy?.mapRefusal(iova, size) ?? null;
  if (forbidden !== null) return refusedBy(forbidden);
  const place = firstFailing(PLACE, { driver, first: iova, last });
  if (place !== null) return refusedBy(place);
  const isWritable = (flags & WRITE) !== 0;
  const pinned = pinDma({ userVa, size, isWritable, lockedPages: state.lockedPages }, environment);
  if (typeof pinned !== "bigint") return refusedBy(pinned);
  const range = { first: iovaOf(iova), last: iovaOf(last) };
  return done({}, [{ type: "DmaMapped", container: handle, range, flags, userVa, lockedPages: pinned }]);
}
