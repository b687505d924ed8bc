/** `iommu:*` records that no call explains, as events: no space, no rights, only addresses. */
import { byteLength, type Iova, type ObservedEvent, type Source } from "@ioasis/core";
import type { IommuRecord } from "./iommu-record.ts";
import type { PageTableMap } from "./page-table-maps.ts";

export function mappedEvent({ iova, last, paddr, runs }: PageTableMap): ObservedEvent {
  const source: Source = runs === null ? { kind: "paddr", paddr } : { kind: "paddr", paddr, runs };
  return { type: "IovaMapped", ioas: null, iova, last, prot: "unknown", source };
}

/** Null: a record without effect. */
export function eventOfRecord(record: Exclude<IommuRecord, { kind: "map" }>): ObservedEvent | null {
  switch (record.kind) {
    case "unmap": {
      const { iova, length, removed } = record;
      const size = removed > 0n ? removed : length;
      if (size === 0n) return null;
      const last = (iova + size - 1n) as Iova;
      return { type: "IovaUnmapped", ioas: null, iova: iova as Iova, last, bytes: byteLength(removed) };
    }
    case "attach":
      return { type: "DeviceAttached", device: record.device, pasid: null, ioas: null, hwpt: null };
    case "detach":
      return { type: "DeviceDetached", device: record.device, pasid: null };
    case "fault": {
      const { device, driver, iova, isWrite } = record;
      const access = isWrite ? "write" : "read";
      return {
        type: "FaultReported",
        format: "io_page_fault",
        device,
        pasid: null,
        iova: iova as Iova,
        access,
        reason: driver,
      };
    }
  }
}
