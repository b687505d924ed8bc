/** `iommu:*` records that no call explains, as facts: no space, no rights, only addresses. */
import type { Iova } from "@ioasis/core";
import type { FactWriter } from "./fact-writer.ts";
import type { IommuRecord } from "./iommu-record.ts";
import type { Origin } from "./origin.ts";
import type { PageTableMap } from "./page-table-maps.ts";

export function writeMapping(writer: FactWriter, { iova, last, paddr, runs, origin }: PageTableMap): void {
  if (runs === null) writer.traceRange(true, iova, last, paddr, origin);
  else {
    const source = { kind: "paddr", paddr, runs } as const;
    writer.trace({ type: "IovaMapped", ioas: null, iova, last, prot: "unknown", source }, origin);
  }
}

/** Nothing of a record without effect. */
export function writeRecord(
  writer: FactWriter,
  record: Exclude<IommuRecord, { readonly kind: "map" }>,
  origin: Origin,
): void {
  switch (record.kind) {
    case "unmap": {
      const { iova, length, removed } = record;
      const size = removed > 0n ? removed : length;
      if (size > 0n) writer.traceRange(false, iova, iova + size - 1n, removed, origin);
      return;
    }
    case "attach":
      writer.trace({ type: "DeviceAttached", device: record.device, pasid: null, ioas: null, hwpt: null }, origin);
      return;
    case "detach":
      writer.trace({ type: "DeviceDetached", device: record.device, pasid: null }, origin);
      return;
    case "fault": {
      const { device, driver, iova, isWrite } = record;
      const access = isWrite ? "write" : "read";
      const fault = { type: "FaultReported", format: "io_page_fault", device, pasid: null } as const;
      writer.trace({ ...fault, iova: iova as Iova, access, reason: driver }, origin);
      return;
    }
  }
}
