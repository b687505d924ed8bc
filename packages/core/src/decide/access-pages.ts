/** What in-kernel users do with the memory behind an ioas (device.c: iommufd_access_pin_pages, iommufd_access_rw). */
import { type Iova, U64_MAX } from "../address.ts";
import type { Area } from "../area.ts";
import type { AccessMemory, PinAccess } from "../device-commands.ts";
import type { AccessPin, Environment } from "../profile/environment.ts";
import type { Access, ContextState, Space } from "../state.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { pinRefusal } from "./pin-refusal.ts";
import { pagesOfArea } from "./pinning.ts";
import { isAligned, startOf } from "./space-rules.ts";

const BYTES_MAX = 16n * 1024n * 1024n;
const WRITE = 1;
const SLOW_PATH = 4;

interface Call {
  readonly command: Pick<PinAccess, "iova" | "length" | "flags">;
  readonly flags: number;
}

const REQUEST = [
  guard<Call>("ENOMEM", "iommufd_test_access_pages: more than 16 MiB", ({ command }) => command.length > BYTES_MAX),
  guard<Call>(
    "EOPNOTSUPP",
    "iommufd_test_access_pages: unknown flag",
    ({ command, flags }) => (command.flags & ~flags) !== 0,
  ),
];

const PINS = guard<Access>("EOPNOTSUPP", "iommufd_test_access_pages: it was not made for pinning", ({ pins }) => !pins);

const RANGE = [
  guard<Call>("EINVAL", "iommufd_access_pin_pages: no length", ({ command }) => command.length === 0n),
  guard<Call>(
    "EOVERFLOW",
    "iommufd_access_pin_pages: the range wraps",
    ({ command }) => command.iova + command.length - 1n > U64_MAX,
  ),
];

const NO_ACCESS: Refusal = { errno: "EBADFD", rule: "iommufd_access_get: no such access" };
const HOLE: Refusal = { errno: "ENOENT", rule: "iopt_for_each_contig_area: the range is not mapped without a gap" };
const UNREADABLE: Refusal = { errno: "EFAULT", rule: "iopt_pages_rw_access: user memory cannot be reached" };
const OTHER_PAGE: Refusal = { errno: "EBADE", rule: "iommufd_test_check_pages: not the pages expected" };

/** The part of an area that the call is about. */
interface Part {
  readonly area: Area;
  readonly first: bigint;
  readonly last: bigint;
  /** The call goes on in the next area. */
  readonly isInner: boolean;
  readonly isWrite: boolean;
  readonly environment: Environment;
}

const PERMISSION = guard<Part>("EPERM", "check_area_prot: the area does not permit it", ({ area, isWrite }) =>
  isWrite ? area.prot === "r" : area.prot === "w",
);

const PIN_PART = [
  guard<Part>("EINVAL", "iopt_area_contig_is_aligned: begins inside a page", (part) => {
    const { area, first, environment } = part;
    return !isAligned(startOf(area.source) + (first - area.iova), environment.pageSize);
  }),
  guard<Part>("EINVAL", "iopt_area_contig_is_aligned: goes on inside a page", (part) => {
    const { area, isInner, environment } = part;
    return isInner && !isAligned(startOf(area.source) + (area.last - area.iova) + 1n, environment.pageSize);
  }),
  PERMISSION,
];

/** Pins `[iova, iova + length)` for an access; it takes the next number of that access. */
export function pinAccess(
  state: ContextState,
  command: PinAccess,
  environment: Environment,
): Outcome<{ readonly pin: AccessPin }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_ACCESS_PAGES", refusal);
  const asked = firstFailing(REQUEST, { command, flags: WRITE });
  if (asked !== null) return refuse(asked);
  const access = state.accesses.get(command.access);
  if (access === undefined || access.ioas === null) return refuse(NO_ACCESS);
  const refusal = firstFailing([PINS], access) ?? firstFailing(RANGE, { command, flags: WRITE });
  if (refusal !== null) return refuse(refusal);
  const space = state.space(access.ioas);
  const unpinnable = pinPartsRefusal(state, space, command, environment);
  if (unpinnable !== null) return refuse(unpinnable);
  if (command.userVa !== 0n && !isExpected(space, command)) return refuse(OTHER_PAGE);
  const first = command.iova as Iova;
  const last = (command.iova + command.length - 1n) as Iova;
  const item = environment.pinsMade.get(command.access) ?? 0;
  return accepted({ pin: { access: command.access, ioas: access.ioas, item, first, last } }, []);
}

/** Why the pages of the range cannot all be pinned, or null (iommufd_access_pin_pages). */
export function pinPartsRefusal(
  state: ContextState,
  space: Space,
  command: Call["command"],
  environment: Environment,
): Refusal | null {
  const wanted = [];
  for (const part of partsOf(space, command, environment)) {
    if ("errno" in part) return part;
    const stopped = firstFailing(PIN_PART, part);
    if (stopped !== null) return stopped;
    const pages = pagesOfArea(part.area, part.first, part.last, environment);
    if (pages !== null) wanted.push(pages);
    const unpinnable = pinRefusal(state, wanted, environment);
    if (unpinnable !== null) return unpinnable;
  }
  return null;
}

/** Reads or writes; what lies below the byte that stops it has been copied. */
export function accessMemory(
  state: ContextState,
  command: AccessMemory,
  environment: Environment,
): Outcome<Readonly<Record<never, never>>> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_ACCESS_RW", refusal);
  const call = { command, flags: WRITE | SLOW_PATH };
  const asked = firstFailing(REQUEST, call);
  if (asked !== null) return refuse(asked);
  const access = state.accesses.get(command.access);
  if (access === undefined || access.ioas === null) return refuse(NO_ACCESS);
  const range = firstFailing(RANGE, call);
  if (range !== null) return refuse(range);
  for (const part of partsOf(state.space(access.ioas), command, environment)) {
    if ("errno" in part) return refuse(part);
    const refusal = firstFailing([PERMISSION], part) ?? reachRefusal(state, part, (command.flags & SLOW_PATH) !== 0);
    if (refusal !== null) return refuse(refusal);
  }
  return accepted({}, []);
}

/** The areas of the range in order; then the gap, where there is one. */
function* partsOf(
  space: Space,
  { iova, length, flags }: Call["command"],
  environment: Environment,
): Generator<Part | Refusal> {
  const last = iova + length - 1n;
  let next = iova;
  for (const area of space.areas.in(iova, last)) {
    if (area.iova > next) break;
    const end = area.last < last ? area.last : last;
    yield { area, first: next, last: end, isInner: end < last, isWrite: (flags & WRITE) !== 0, environment };
    next = end + 1n;
  }
  if (next <= last) yield HOLE;
}

/** User memory is copied as the process itself would; the slow path pins its pages. */
function reachRefusal(state: ContextState, { area, first, last, isWrite, environment }: Part, isSlow: boolean) {
  const { source } = area;
  if (isSlow || source.kind === "file") {
    const pages = pagesOfArea(area, first, last, environment);
    return pages === null ? null : pinRefusal(state, [pages], environment);
  }
  if (source.kind !== "va" && source.kind !== "copy") return null;
  const start = source.va + (first - area.iova);
  return environment.memory.canPin(start, start + (last - first), isWrite) ? null : UNREADABLE;
}

/** Whether the pages are those at `userVa`. */
function isExpected(space: Space, { iova, length, userVa }: PinAccess): boolean {
  for (const { iova: first, source } of space.areas.in(iova, iova + length - 1n))
    if (startOf(source) - first !== userVa - iova) return false;
  return true;
}
