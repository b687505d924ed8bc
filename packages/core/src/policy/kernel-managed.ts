/** The kernel chooses every IOVA, as the kernel's own DMA API does: for programs that need DMA and no address (dpdk). */
import { guard } from "../decide/outcome.ts";
import type { Placement, PolicyRules, PolicySetup } from "./policy.ts";

const PLACEMENT = [
  guard<Placement>(
    "EOPNOTSUPP",
    "policy kernel-managed: the kernel chooses where a mapping goes; MAP without FIXED_IOVA",
    ({ isFixed }) => isFixed,
  ),
];

export function kernelManaged({ policy, profile }: PolicySetup): PolicyRules {
  return {
    policy,
    profile,
    territory: null,
    placement: PLACEMENT,
    ownsAllowedList: false,
    answersFromLayout: false,
    migratesFreely: false,
    layout: null,
    moves: [],
  };
}
