/** IOMMU_IOAS_ALLOC (ioas.c: iommufd_ioas_alloc_ioctl). */
import { iova, U64_MAX } from "../address.ts";
import type { AllocIoas } from "../commands.ts";
import type { IoasEvent, IoasHandle } from "../events.ts";
import type { ContextState } from "../state.ts";
import { FreeIds } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome } from "./outcome.ts";

const REQUEST = [guard<AllocIoas>("EOPNOTSUPP", "iommufd_ioas_alloc_ioctl: unknown flag", ({ flags }) => flags !== 0)];

/** `[base, length]` becomes the allowed list. */
const CLAIM = [
  guard<AllocIoas>(
    "EINVAL",
    "base and length: one of them is missing",
    ({ base, length }) => (base === undefined) !== (length === undefined),
  ),
  guard<AllocIoas>(
    "EINVAL",
    "iommufd_ioas_load_iovas: not longer than one byte",
    ({ length }) => length !== undefined && length <= 1n,
  ),
  guard<AllocIoas>(
    "EOVERFLOW",
    "base and length: the range wraps",
    ({ base = 0n, length = 1n }) => base + length - 1n > U64_MAX,
  ),
];

export function allocIoas(
  state: ContextState,
  command: AllocIoas,
): Outcome<{ readonly ioas: IoasHandle; readonly ioasId: number }> {
  const refusal = firstFailing([...REQUEST, ...CLAIM], command);
  if (refusal !== null) return callRefused("IOMMU_IOAS_ALLOC", refusal);
  const ioas = state.spaces.length;
  const kernelId = new FreeIds(state).take();
  return accepted({ ioas, ioasId: kernelId }, [
    { type: "IoasAllocated", ioas, kernelId },
    ...claimEvents(ioas, command),
  ]);
}

function claimEvents(ioas: IoasHandle, { base, length }: AllocIoas): IoasEvent[] {
  if (base === undefined || length === undefined) return [];
  return [{ type: "IovasAllowed", ioas, ranges: [{ first: iova(base), last: iova(base + length - 1n) }] }];
}
