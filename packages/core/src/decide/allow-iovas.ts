/** IOMMU_IOAS_ALLOW_IOVAS (ioas.c: iommufd_ioas_allow_iovas; io_pagetable.c: iopt_set_allow_iova). */
import { type Iova, iova } from "../address.ts";
import type { AllowIovas } from "../commands.ts";
import type { Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { touchesReserved } from "./space-rules.ts";

const REQUEST = guard<AllowIovas>(
  "EOPNOTSUPP",
  "iommufd_ioas_allow_iovas: reserved field",
  ({ reserved }) => (reserved ?? 0) !== 0,
);

interface Entry {
  readonly first: bigint;
  readonly last: bigint;
  readonly earlier: readonly Range[];
  readonly isUnreadable: boolean;
}

/** Each entry in turn (ioas.c: iommufd_ioas_load_iovas). */
const ENTRY = [
  guard<Entry>("EFAULT", "iommufd_ioas_load_iovas: the list cannot be read", ({ isUnreadable }) => isUnreadable),
  guard<Entry>("EINVAL", "iommufd_ioas_load_iovas: not longer than one byte", ({ first, last }) => first >= last),
  guard<Entry>("EINVAL", "iommufd_ioas_load_iovas: two entries overlap", ({ first, last, earlier }) =>
    earlier.some((range) => range.first <= last && first <= range.last),
  ),
];

const RESERVED = guard<{ readonly space: Space; readonly ranges: readonly Range[] }>(
  "EADDRINUSE",
  "iopt_set_allow_iova: an entry touches a reserved range",
  ({ space, ranges }) => ranges.some(({ first, last }) => touchesReserved(space, first, last)),
);

/** Replaces the whole list; none: everything is allowed. Areas do not matter. */
export function allowIovas(state: ContextState, command: AllowIovas): Outcome<Readonly<Record<never, never>>> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_IOAS_ALLOW_IOVAS", refusal);
  const asked = firstFailing([REQUEST], command);
  if (asked !== null) return refuse(asked);
  const space = ioasOf(state, command.ioasId);
  if (space === null) return refuse(NO_IOAS);
  const ranges = loadRanges(command);
  if ("errno" in ranges) return refuse(ranges);
  const conflict = firstFailing([RESERVED], { space, ranges });
  if (conflict !== null) return refuse(conflict);
  return accepted({}, [{ type: "IovasAllowed", ioas: space.handle, ranges }]);
}

/** The list in order of address, or what is wrong with it. */
function loadRanges({ ranges, hasBadPointer = false }: AllowIovas): Range[] | Refusal {
  const loaded: Range[] = [];
  for (const [first, last] of ranges) {
    const refusal = firstFailing(ENTRY, { first, last, earlier: loaded, isUnreadable: hasBadPointer });
    if (refusal !== null) return refusal;
    loaded.push({ first: iova(first), last: last as Iova });
  }
  return loaded.sort((a, b) => (a.first < b.first ? -1 : 1));
}
