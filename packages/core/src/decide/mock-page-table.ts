/** Looking into the page tables of the kernel's self-test (selftest.c). They do not change the state. */
import { U64_MAX } from "../address.ts";
import type { CheckMockMap, MarkMockDirty } from "../device-commands.ts";
import type { HwptHandle } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import type { ContextState, Space } from "../state.ts";
import { NO_PAGING_HWPT, pagingHwptOf } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";
import { isAligned } from "./space-rules.ts";

const CHECK_REQUEST = guard<CheckMockMap & { readonly ioPage: bigint }>(
  "EINVAL",
  "iommufd_test_md_check_pa: no whole io pages, or the addresses wrap",
  ({ iova, length, userVa, ioPage }) => !isAligned(iova | length | userVa, ioPage) || userVa + length > U64_MAX,
);
const UNREADABLE: Refusal = { errno: "EFAULT", rule: "get_user_pages_fast: user memory cannot be read" };
const OTHER_PAGE: Refusal = { errno: "EINVAL", rule: "iommufd_test_md_check_pa: another page, or none, is mapped" };

/** Whether the page table maps `[iova, iova + length)` to the pages at `userVa`. */
export function checkMockMap(
  state: ContextState,
  command: CheckMockMap,
  { mockPageTable }: KernelProfile,
  environment: Environment,
): Outcome<Readonly<Record<never, never>>> {
  const hwpt = pagingHwptOf(state, command.hwptId);
  // The mock's: half a page of the host.
  const ioPage = environment.pageSize / 2n;
  const asked = firstFailing([CHECK_REQUEST], { ...command, ioPage });
  // Where the page size is the page table's own, that is looked up first.
  if (asked !== null && (hwpt !== null || mockPageTable === "array")) return refused(asked, []);
  if (hwpt === null) return refused(NO_PAGING_HWPT, []);
  const { userVa, length } = command;
  const same = sameBytes(state.space(hwpt.ioas), command);
  // Page by page: the user's page is read first, then compared.
  const read = same === length ? length : same + ioPage;
  if (length > 0n && !environment.memory.canPin(userVa & -environment.pageSize, userVa + read - 1n, false))
    return refused(UNREADABLE, []);
  return same === length ? accepted({}, []) : refused(OTHER_PAGE, []);
}

/** How many bytes from `iova` on are the bytes from `userVa` on. */
function sameBytes(space: Space, { iova, length, userVa }: CheckMockMap): bigint {
  if (length === 0n) return 0n;
  let next = iova;
  for (const area of space.areas.in(iova, iova + length - 1n)) {
    const { source } = area;
    if (area.iova > next || (source.kind !== "va" && source.kind !== "copy")) break;
    if (source.va + (next - area.iova) !== userVa + (next - iova)) break;
    next = area.last + 1n;
  }
  const same = next - iova;
  return same < length ? same : length;
}

const DIRTY_REQUEST = guard<MarkMockDirty>(
  "EINVAL",
  "iommufd_test_dirty: no length or page size, or no whole pages",
  ({ iova, length, pageSize }) =>
    pageSize === 0n || length === 0n || iova % pageSize !== 0n || length % pageSize !== 0n,
);
const NOT_TRACKING: Refusal = { errno: "EINVAL", rule: "iommufd_test_dirty: dirty tracking is off" };

export interface MarkedDirty {
  readonly hwpt: HwptHandle;
  /** Io pages that are dirty now: iova / io page size. */
  readonly pages: readonly bigint[];
  readonly count: number;
}

/** The 6.12 mock looks its entries up by iova / `pageSize`, whatever its own page size is. */
export function markMockDirty(
  state: ContextState,
  command: MarkMockDirty,
  { mockPageTable }: KernelProfile,
): Outcome<MarkedDirty> {
  const asked = firstFailing([DIRTY_REQUEST], command);
  if (asked !== null) return refused(asked, []);
  const hwpt = pagingHwptOf(state, command.hwptId);
  if (hwpt === null) return refused(NO_PAGING_HWPT, []);
  if (!hwpt.isTracking) return refused(NOT_TRACKING, []);
  const space = state.space(hwpt.ioas);
  const ioPage = hwpt.pageSize ?? 1n;
  const pages: bigint[] = [];
  for (const bit of setBits(command)) {
    const page = mockPageTable === "array" ? command.iova / command.pageSize + bit : 0n;
    const iova = page * ioPage;
    // A page of another size may lie beyond the last address, where nothing is.
    if (mockPageTable === "generic" || (iova <= U64_MAX && space.areas.overlaps(iova, iova))) pages.push(page);
  }
  return accepted({ hwpt: hwpt.handle, pages: mockPageTable === "array" ? pages : [], count: pages.length }, []);
}

function* setBits({ bits, length, pageSize }: MarkMockDirty): Generator<bigint> {
  const count = length / pageSize;
  for (let bit = 0; bit < bits.length * 8 && BigInt(bit) < count; bit++)
    if ((((bits[bit >> 3] ?? 0) >> (bit & 7)) & 1) !== 0) yield BigInt(bit);
}
