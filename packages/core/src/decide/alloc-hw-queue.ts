/** IOMMU_HW_QUEUE_ALLOC (viommu.c: iommufd_hw_queue_alloc_ioctl, iommufd_hw_queue_alloc_phys). From source, not refereed. */
import { type Iova, U64_MAX } from "../address.ts";
import type { AllocHwQueue } from "../object-commands.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState } from "../state.ts";
import { ACCESS_ALIGNMENT } from "./access.ts";
import { pinPartsRefusal } from "./access-pages.ts";
import { driverOf } from "./alloc-viommu.ts";
import { FreeIds, NO_VIOMMU } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

const REQUEST = [
  guard<AllocHwQueue>(
    "EOPNOTSUPP",
    "iommufd_hw_queue_alloc_ioctl: a flag, or no type",
    ({ flags, queueType }) => flags !== 0 || queueType === 0,
  ),
  guard<AllocHwQueue>("EINVAL", "iommufd_hw_queue_alloc_ioctl: no length", ({ length }) => length === 0n),
  guard<AllocHwQueue>(
    "EOVERFLOW",
    "iommufd_hw_queue_alloc_ioctl: the range wraps",
    ({ iova, length }) => iova + length - 1n > U64_MAX,
  ),
];

const NO_DRIVER: Refusal = { errno: "EOPNOTSUPP", rule: "get_hw_queue_size: the driver has no queue of this type" };
/** Pages of the range, counted in 64 bits. */
const TOO_LONG = guard<AllocHwQueue & { readonly pageSize: bigint }>(
  "ERANGE",
  "iommufd_hw_queue_alloc_phys: the length in whole pages is 2^64 or more",
  ({ iova, length, pageSize }) => (iova & (pageSize - 1n)) + length + pageSize - 1n > U64_MAX,
);
const SCATTERED: Refusal = { errno: "EFAULT", rule: "iommufd_hw_queue_alloc_phys: the pages are not contiguous" };

/**
 * The queue takes an id, and the access that pins the guest's memory the next one. A type may have rules of its
 * own for `index`, which its driver checks: they are not modelled.
 */
export function allocHwQueue(
  state: ContextState,
  command: AllocHwQueue,
  environment: Environment,
): Outcome<{ readonly hwQueueId: number }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_HW_QUEUE_ALLOC", refusal);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refuse(asked);
  const { viommuId: viommu, queueType, index, iova, length } = command;
  const object = state.objects.get(viommu);
  if (object?.kind !== "viommu") return refuse(NO_VIOMMU);
  const hwpt = object.hwpt === null ? undefined : state.hwpts[object.hwpt];
  if (hwpt === undefined || !driverOf(environment, object)?.hwQueueTypes.includes(queueType)) return refuse(NO_DRIVER);
  const { pageSize } = environment;
  const tooLong = firstFailing([TOO_LONG], { ...command, pageSize });
  if (tooLong !== null) return refuse(tooLong);
  const space = state.space(hwpt.ioas);
  const alignment = firstFailing([ACCESS_ALIGNMENT], { state, space, pins: true, environment });
  if (alignment !== null) return refuse(alignment);
  const first = iova & -pageSize;
  const last = ((iova + length - 1n) & -pageSize) + pageSize - 1n;
  const pinning = pinPartsRefusal(state, space, { iova: first, length: last - first + 1n, flags: 0 }, environment);
  if (pinning !== null) return refuse(pinning);
  if (command.isContiguous === false) return refuse(SCATTERED);
  const ids = new FreeIds(state);
  const [kernelId, accessId] = [ids.take(), ids.take()];
  const access = `hw-queue ${kernelId}`;
  const end = (iova + length - 1n) as Iova;
  return accepted({ hwQueueId: kernelId }, [
    { type: "AccessAttached", access, kernelId: accessId, ioas: space.handle, pins: true },
    { type: "HwQueueAllocated", kernelId, viommu, queueType, index, iova: iova as Iova, last: end, access },
  ]);
}
