/** Where a PE's devices can have windows, against what a policy insists on. The driver itself asks nothing of the kind. */
import { type Iova, U64_MAX } from "../address.ts";
import type { Refusal } from "../decide/outcome.ts";
import type { Range } from "../range.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { PeTraits } from "./platform.ts";
import type { Driver, Group } from "./state.ts";

/** Why one of the groups cannot have the guest's windows, or null. */
export function reachRefusal(
  groups: readonly Group[],
  version: Driver["version"],
  { policy, peOf }: SpaprEnvironment,
): Refusal | null {
  for (const { pe } of groups) {
    const refusal = policy?.reachRefusal(reachOf(peOf(pe), version)) ?? null;
    if (refusal !== null) return refusal;
  }
  return null;
}

/** The default window; v2 makes others from where the platform starts them (TCE_CREATE). */
function reachOf({ dma32Start, dma32Size, dma64Start, hasDynamicWindows }: PeTraits, version: number): Range[] {
  const window32 = { first: dma32Start as Iova, last: (dma32Start + dma32Size - 1n) as Iova };
  if (version === 1 || !hasDynamicWindows) return [window32];
  return [window32, { first: dma64Start as Iova, last: U64_MAX as Iova }];
}
