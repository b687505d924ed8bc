/** IOMMU_IOAS_ALLOC (ioas.c: iommufd_ioas_alloc_ioctl). */
import type { AllocIoas } from "../commands.ts";
import type { IoasHandle } from "../events.ts";
import type { ContextState } from "../state.ts";
import { FreeIds } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome } from "./outcome.ts";

const REQUEST = [guard<AllocIoas>("EOPNOTSUPP", "iommufd_ioas_alloc_ioctl: unknown flag", ({ flags }) => flags !== 0)];

export function allocIoas(
  state: ContextState,
  command: AllocIoas,
): Outcome<{ readonly ioas: IoasHandle; readonly ioasId: number }> {
  const refusal = firstFailing(REQUEST, command);
  if (refusal !== null) return callRefused("IOMMU_IOAS_ALLOC", refusal);
  const ioas = state.spaces.length;
  const kernelId = new FreeIds(state).take();
  return accepted({ ioas, ioasId: kernelId }, [{ type: "IoasAllocated", ioas, kernelId }]);
}
