/** The arguments of type1 calls as the recorder prints them, and the page-table lines they may cause. */
import { MapLines } from "../kernel/call-lines.ts";
import { unmapLines } from "../kernel/type1-probe.ts";
import type { Type1MapRequest, Type1Request } from "../kernel/type1-result.ts";
import type { CallFields } from "./call-fields.ts";
import type { InnerLines } from "./held-calls.ts";
import { VFIO } from "./ioctls.ts";
import type { CallRecord } from "./record.ts";

/** Null: the recorder could not read the caller's memory. */
export function mapRequest(fields: CallFields): Type1MapRequest | null {
  const common = type1Request(fields, "size");
  const va = fields.address("va");
  return common === null || va === null ? null : { ...common, va };
}

export function unmapRequest(fields: CallFields): Type1Request | null {
  return type1Request(fields, "req_size");
}

function type1Request(fields: CallFields, size: string): Type1Request | null {
  const flags = fields.number("flags");
  const iova = fields.address("iova");
  const length = fields.address(size);
  if (flags === null || iova === null || length === null) return null;
  return { flags, iova, length, argsz: fields.number("argsz") };
}

/** Which page-table lines a call on a container or a group may cause. */
export function vfioLines({ cmd, fields }: CallRecord): InnerLines {
  switch (cmd) {
    case VFIO.MAP_DMA:
      return new MapLines(fields.address("iova"), fields.address("size") ?? 0n);
    case VFIO.UNMAP_DMA:
      return unmapLines(unmapRequest(fields));
    case VFIO.SET_IOMMU:
    case VFIO.GROUP_SET_CONTAINER:
    case VFIO.GROUP_UNSET_CONTAINER:
      return "all";
    default:
      return null;
  }
}
