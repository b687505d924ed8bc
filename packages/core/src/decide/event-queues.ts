/**
 * IOMMU_FAULT_QUEUE_ALLOC and IOMMU_VEVENTQ_ALLOC (eventq.c: iommufd_fault_alloc, iommufd_veventq_alloc). From
 * source, not refereed. What the queues hold is the device's affair; that their files are open is not: an open
 * file is a user of its queue (iommufd_eventq_init), and closing it lets go (iommufd_eventq_fops_release).
 */
import type { AllocFaultQueue, AllocVeventQueue, CloseQueueFile } from "../object-commands.ts";
import type { ContextState } from "../state.ts";
import { FreeIds, NO_VIOMMU } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal } from "./outcome.ts";

const FAULT_REQUEST = guard<AllocFaultQueue>("EOPNOTSUPP", "iommufd_fault_alloc: a flag", ({ flags }) => flags !== 0);

const VEVENT_REQUEST = [
  guard<AllocVeventQueue>(
    "EOPNOTSUPP",
    "iommufd_veventq_alloc: a flag, a reserved field or no type",
    ({ flags, reserved, queueType }) => flags !== 0 || (reserved ?? 0) !== 0 || queueType === 0,
  ),
  guard<AllocVeventQueue>("EINVAL", "iommufd_veventq_alloc: no depth", ({ depth }) => depth === 0),
];

const SECOND: Refusal = { errno: "EEXIST", rule: "iommufd_veventq_alloc: the vIOMMU has a queue of this type" };
const NOT_OPEN: Refusal = { errno: "EBADF", rule: "close: the queue has no open file" };

export function allocFaultQueue(state: ContextState, command: AllocFaultQueue): Outcome<{ readonly faultId: number }> {
  const asked = firstFailing([FAULT_REQUEST], command);
  if (asked !== null) return callRefused("IOMMU_FAULT_QUEUE_ALLOC", asked);
  const kernelId = new FreeIds(state).take();
  return accepted({ faultId: kernelId }, [{ type: "FaultQueueAllocated", kernelId }]);
}

export function allocVeventQueue(
  state: ContextState,
  command: AllocVeventQueue,
): Outcome<{ readonly veventQueueId: number }> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_VEVENTQ_ALLOC", refusal);
  const asked = firstFailing(VEVENT_REQUEST, command);
  if (asked !== null) return refuse(asked);
  const { viommuId: viommu, queueType, depth } = command;
  if (state.objects.get(viommu)?.kind !== "viommu") return refuse(NO_VIOMMU);
  for (const object of state.objects.values())
    if (object.kind === "veventq" && object.viommu === viommu && object.queueType === queueType) return refuse(SECOND);
  const kernelId = new FreeIds(state).take();
  return accepted({ veventQueueId: kernelId }, [{ type: "VeventQueueAllocated", kernelId, viommu, queueType, depth }]);
}

export function closeQueueFile(state: ContextState, { id }: CloseQueueFile): Outcome<Readonly<Record<never, never>>> {
  const queue = state.objects.get(id);
  const isOpen = (queue?.kind === "fault" || queue?.kind === "veventq") && queue.isOpen;
  return isOpen ? accepted({}, [{ type: "QueueFileClosed", kernelId: id }]) : callRefused("close", NOT_OPEN);
}
