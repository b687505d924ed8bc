/** IOMMU_TEST_OP_ADD_RESERVED (selftest.c: iommufd_test_add_reserved; io_pagetable.c: iopt_reserve_iova). */
import { type Iova, iova, U64_MAX } from "../address.ts";
import type { ReserveIova } from "../commands.ts";
import type { ContextState, Space } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";
import { canReserve } from "./space-rules.ts";

export const USER_OWNER = "user";

const REQUEST = [
  guard<ReserveIova>("EINVAL", "iommufd_test_add_reserved: no length", ({ length }) => length === 0n),
  guard<ReserveIova>(
    "EOVERFLOW",
    "iommufd_test_add_reserved: the range wraps",
    (call) => call.iova + call.length - 1n > U64_MAX,
  ),
];

const CONFLICT = guard<{ readonly space: Space; readonly first: Iova; readonly last: Iova }>(
  "EADDRINUSE",
  "iopt_reserve_iova: an area or an allowed range is in the way",
  ({ space, first, last }) => !canReserve(space, { first, last }),
);

export function reserveIova(state: ContextState, command: ReserveIova): Outcome<Readonly<Record<never, never>>> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_TEST_OP_ADD_RESERVED", refusal);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refuse(asked);
  const space = ioasOf(state, command.ioasId);
  if (space === null) return refuse(NO_IOAS);
  const first = iova(command.iova);
  const last = iova(command.iova + command.length - 1n);
  const conflict = firstFailing([CONFLICT], { space, first, last });
  if (conflict !== null) return refuse(conflict);
  return accepted({}, [{ type: "IovaReserved", ioas: space.handle, owner: USER_OWNER, iova: first, last }]);
}
