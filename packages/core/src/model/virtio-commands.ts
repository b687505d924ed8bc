/** Requests of a virtio-iommu driver as JSON (docs/commands.md). */
import { type CommandTable, optional, U32, U64 } from "./command-fields.ts";

const FRAME = { requestBytes: optional(U32) };
const ENDPOINT = { domain: U32, endpoint: U32 };
const RANGE = { domain: U32, virtStart: U64, virtEnd: U64 };

export const VIRTIO_IOMMU_COMMANDS: CommandTable = {
  AttachEndpoint: { ...ENDPOINT, flags: optional(U32, 0), reserved: optional(U32), ...FRAME },
  DetachEndpoint: { ...ENDPOINT, ...FRAME },
  MapRange: { ...RANGE, physStart: U64, flags: U32, ...FRAME },
  UnmapRange: { ...RANGE, ...FRAME },
  ProbeEndpoint: { endpoint: U32, ...FRAME },
  UnknownRequest: { type: U32 },
  ResetDevice: {},
};
