/** The fold of the events about objects that hold no mappings: queues, vIOMMUs and what belongs to them. */
import { unreachable } from "./assert.ts";
import type { ColdEvent, IoasHandle } from "./events.ts";
import type { IommufdObject } from "./state.ts";

type ObjectEvent = Extract<
  ColdEvent<IoasHandle>,
  {
    type:
      | "FaultQueueAllocated"
      | "ViommuAllocated"
      | "VdeviceAllocated"
      | "VeventQueueAllocated"
      | "HwQueueAllocated"
      | "QueueFileClosed"
      | "IommufdObjectDestroyed";
  }
>;

export function evolveObjects(objects: Map<number, IommufdObject>, event: ObjectEvent): void {
  const id = event.kernelId;
  switch (event.type) {
    case "FaultQueueAllocated":
      objects.set(id, { kind: "fault", isOpen: true });
      return;
    case "ViommuAllocated": {
      const { hwpt, viommuType, iommu } = event;
      objects.set(id, { kind: "viommu", hwpt, viommuType, iommu });
      return;
    }
    case "VdeviceAllocated": {
      const { viommu, device, virtualId } = event;
      objects.set(id, { kind: "vdevice", viommu, device, virtualId });
      return;
    }
    case "VeventQueueAllocated":
      objects.set(id, { kind: "veventq", viommu: event.viommu, queueType: event.queueType, isOpen: true });
      return;
    case "HwQueueAllocated": {
      const { viommu, queueType, index, iova, last, access } = event;
      objects.set(id, { kind: "hw-queue", viommu, queueType, index, iova, last, access });
      return;
    }
    case "QueueFileClosed": {
      const queue = objects.get(id);
      if (queue?.kind === "fault" || queue?.kind === "veventq") objects.set(id, { ...queue, isOpen: false });
      return;
    }
    case "IommufdObjectDestroyed":
      if (event.isLeaked === true) objects.set(id, { kind: "leaked" });
      else objects.delete(id);
      return;
    default:
      unreachable(event);
  }
}
