/**
 * The layout comes from machine type and options alone, and a host takes it or fails: for guests that migrate
 * (D. Gibson, linux-iommu, 25 October 2021: what a guest sees must come from its machine type, never from a host).
 */
import { guard } from "../decide/outcome.ts";
import type { GuestLayout } from "../layout/layout.ts";
import type { Placement, PolicyRules, PolicySetup } from "./policy.ts";
import { isInside, territoryOf } from "./territory.ts";

const PLACEMENT = [
  guard<Placement>(
    "EOPNOTSUPP",
    "policy fixed: the layout says where a mapping goes; MAP with FIXED_IOVA",
    ({ isFixed }) => !isFixed,
  ),
  guard<Placement>(
    "EINVAL",
    "policy fixed: the layout has nothing to map there, or the machine reserves it",
    ({ first, last, territory }) => last !== null && !isInside(territory?.mappable ?? [], first, last),
  ),
];

/** `hosts` of the setup are not looked at. */
export function fixed({ policy, profile }: PolicySetup, layout: GuestLayout): PolicyRules {
  return {
    policy,
    profile,
    territory: territoryOf(layout, []),
    placement: PLACEMENT,
    ownsAllowedList: true,
    answersFromLayout: true,
    migratesFreely: true,
    layout,
    moves: [],
  };
}
