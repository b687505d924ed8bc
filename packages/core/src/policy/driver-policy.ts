/**
 * A policy as drivers are held to it whose maps always name the IOVA (type1, sPAPR). Neither has a call that claims
 * ranges, as iommufd's ALLOW_IOVAS does: a group that would take away what the guest must have is refused here.
 */
import { hex } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { Range } from "../range.ts";
import { placementRefusal } from "./decide-under-policy.ts";
import type { PolicyRules } from "./policy.ts";
import { isInside } from "./territory.ts";

export interface DriverPolicy {
  /** Why `length` bytes from `iova` may not be mapped, or null. */
  readonly mapRefusal: (iova: bigint, length: bigint) => Refusal | null;
  /**
   * Why a container that can map inside these ranges alone is none for the guest, or null.
   * @param usable ascending; of none: everything
   */
  readonly reachRefusal: (usable: readonly Range[]) => Refusal | null;
  /** Why `[first, last]` is no window of the guest's, or null. */
  readonly windowRefusal: (first: bigint, last: bigint) => Refusal | null;
  /** What a question for the valid ranges is answered; null: what the driver has. */
  readonly told: readonly Range[] | null;
}

export function driverPolicy(rules: PolicyRules): DriverPolicy {
  const { policy, territory, answersFromLayout } = rules;
  const { claimed = [], mappable = [] } = territory ?? {};
  return {
    mapRefusal: (iova, length) => placementRefusal(rules, { isFixed: true, iova, length }),
    reachRefusal(usable) {
      const lost = usable.length === 0 ? undefined : claimed.find(({ first, last }) => !isInside(usable, first, last));
      if (lost === undefined) return null;
      const range = `${hex(lost.first)}-${hex(lost.last)}`;
      return { errno: "EINVAL", rule: `policy ${policy}: not all groups can reach ${range} of the layout` };
    },
    windowRefusal: (first, last) =>
      isInside(mappable, first, last)
        ? null
        : { errno: "EINVAL", rule: `policy ${policy}: the layout has no DMA window ${hex(first)}-${hex(last)}` },
    told: answersFromLayout ? mappable : null,
  };
}
