/**
 * Options combined with the holes of all devices that are there at boot: for guests that stay where they are.
 * What the guest is told depends on this host, which gives up free migration.
 */
import { guard } from "../decide/outcome.ts";
import type { HostProfile } from "../host/host-profile.ts";
import type { GuestLayout } from "../layout/layout.ts";
import { bootHoles } from "./boot-holes.ts";
import { placeBootLayout } from "./boot-layout.ts";
import type { Placement, PolicyRules, PolicySetup } from "./policy.ts";
import { isInside, territoryOf } from "./territory.ts";

const PLACEMENT = [
  guard<Placement>(
    "EOPNOTSUPP",
    "policy host-derived: the placed layout says where a mapping goes; MAP with FIXED_IOVA",
    ({ isFixed }) => !isFixed,
  ),
  guard<Placement>(
    "EINVAL",
    "policy host-derived: outside of the placed layout, or in a hole of a boot-time device",
    ({ first, last, territory }) => last !== null && !isInside(territory?.mappable ?? [], first, last),
  ),
];

/**
 * @param hosts the first is the machine as it boots; further ones hold devices that are plugged in later, and do not count
 * @throws IoasisError ERR_INPUT where the holes leave no room, or a device does not tell them
 */
export function hostDerived(
  { policy, profile }: PolicySetup,
  layout: GuestLayout,
  hosts: readonly HostProfile[],
): PolicyRules {
  const holes = bootHoles(hosts.slice(0, 1), profile);
  const placed = placeBootLayout(layout, holes);
  return {
    policy,
    profile,
    territory: territoryOf(placed.layout, holes),
    placement: PLACEMENT,
    ownsAllowedList: true,
    answersFromLayout: false,
    migratesFreely: false,
    layout: placed.layout,
    moves: placed.moves,
  };
}
