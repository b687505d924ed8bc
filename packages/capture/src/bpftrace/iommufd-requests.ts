/** The arguments of iommufd's map calls as the recorder prints them, and the page-table lines they may cause. */
import { type Source, UNKNOWN_SOURCE } from "@ioasis/core";
import { MapLines, UnmapLines } from "../kernel/call-lines.ts";
import type { IommufdMapRequest, IommufdUnmapRequest } from "../kernel/iommufd-result.ts";
import type { CallFields } from "./call-fields.ts";
import type { InnerLines } from "./held-calls.ts";
import { IOMMU, VFIO } from "./ioctls.ts";
import type { CallRecord } from "./record.ts";

const FIXED_IOVA = 1;

/** IOAS_MAP, IOAS_MAP_FILE and IOAS_COPY; null: the recorder could not read the caller's memory. */
export function iommufdMapRequest({ cmd, fields }: CallRecord): IommufdMapRequest | null {
  const flags = fields.number("flags");
  const ioas = fields.number(cmd === IOMMU.IOAS_COPY ? "dst" : "ioas");
  const length = fields.address("len");
  const iova = fields.address("req_iova");
  const source = sourceOf(cmd, fields);
  if (flags === null || ioas === null || length === null || iova === null || source === null) return null;
  return { flags, ioas, iova, length, source };
}

/** Where a copy's pages come from is known to the history, not to the call: its source is not told here. */
function sourceOf(cmd: number, fields: CallFields): Source | null {
  if (cmd === IOMMU.IOAS_COPY) return UNKNOWN_SOURCE;
  if (cmd === IOMMU.IOAS_MAP_FILE) {
    const fd = fields.number("mfd");
    const start = fields.address("start");
    return fd === null || start === null ? null : { kind: "file", fd, start };
  }
  const va = fields.address("va");
  return va === null ? null : { kind: "va", va };
}

export function iommufdUnmapRequest(fields: CallFields): IommufdUnmapRequest | null {
  const ioas = fields.number("ioas");
  const iova = fields.address("iova");
  const length = fields.address("req_len");
  return ioas === null || iova === null || length === null ? null : { ioas, iova, length };
}

/** The address that the kernel wrote back. */
export function chosenIova({ cmd, fields }: CallRecord): bigint | null {
  return fields.address(cmd === IOMMU.IOAS_COPY ? "dst_iova" : "iova");
}

/** Which page-table lines a call on an iommufd or on a device bound to one may cause. */
export function iommufdLines(call: CallRecord): InnerLines {
  switch (call.cmd) {
    case IOMMU.IOAS_MAP:
    case IOMMU.IOAS_MAP_FILE:
    case IOMMU.IOAS_COPY: {
      const request = iommufdMapRequest(call);
      if (request === null) return null;
      return new MapLines((request.flags & FIXED_IOVA) === 0 ? null : request.iova, request.length);
    }
    case IOMMU.IOAS_UNMAP: {
      const request = iommufdUnmapRequest(call.fields);
      return request === null ? null : new UnmapLines(request.iova, request.iova + request.length);
    }
    case IOMMU.DESTROY:
    case IOMMU.HWPT_ALLOC:
    case VFIO.DEVICE_BIND_IOMMUFD:
    case VFIO.DEVICE_ATTACH_IOMMUFD_PT:
    case VFIO.DEVICE_DETACH_IOMMUFD_PT:
      return "all";
    default:
      return null;
  }
}
