/** IOMMU_IOAS_IOVA_RANGES (ioas.c: iommufd_ioas_iova_ranges). A question: it leaves no event, answered or refused. */
import type { QueryIovaRanges } from "../commands.ts";
import type { Environment } from "../profile/environment.ts";
import { holes, type Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";
import { alignmentOf } from "./space-rules.ts";

const REQUEST = guard<QueryIovaRanges>(
  "EOPNOTSUPP",
  "iommufd_ioas_iova_ranges: reserved field",
  ({ reserved }) => (reserved ?? 0) !== 0,
);

const UNWRITABLE: Refusal = { errno: "EFAULT", rule: "iommufd_ioas_iova_ranges: the array cannot be written" };
const TOO_MANY: Refusal = { errno: "EMSGSIZE", rule: "iommufd_ioas_iova_ranges: more ranges than slots" };

export interface UsableRanges {
  /** All there are. */
  readonly count: number;
  /** Those that fit the caller's array. */
  readonly ranges: readonly Range[];
  readonly alignment: bigint;
}

/** What no reservation takes; areas and the allowed list do not matter. Count and alignment come with EMSGSIZE too. */
export function queryIovaRanges(
  state: ContextState,
  command: QueryIovaRanges,
  environment: Environment,
): Outcome<UsableRanges> {
  return answerIovaRanges(state, command, (space) => ({
    usable: holes(space.reservations),
    alignment: alignmentOf(state, space, environment),
  }));
}

/** The call with `answerOf` to say what there is: the kernel, or a policy that does not show the host. */
export function answerIovaRanges(
  state: ContextState,
  command: QueryIovaRanges,
  answerOf: (space: Space) => { readonly usable: readonly Range[]; readonly alignment: bigint },
): Outcome<UsableRanges> {
  const asked = firstFailing([REQUEST], command);
  if (asked !== null) return refused(asked, []);
  const space = ioasOf(state, command.ioasId);
  if (space === null) return refused(NO_IOAS, []);
  const { usable, alignment } = answerOf(space);
  const ranges = usable.slice(0, command.slots);
  if (ranges.length > 0 && command.hasBadPointer === true) return refused(UNWRITABLE, []);
  const out = { count: usable.length, ranges, alignment };
  return usable.length > command.slots ? { ...TOO_MANY, events: [], out } : accepted(out, []);
}
