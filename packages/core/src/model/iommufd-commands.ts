/** Calls of iommufd and of VFIO device files as JSON (docs/commands.md). */
import { MAP_FIXED_IOVA, MAP_READABLE, MAP_WRITEABLE } from "../commands.ts";
import type { JsonObject } from "../event-json.ts";
import type { ContextState } from "../state.ts";
import { JsonError } from "../value-json.ts";
import { type CommandTable, FLAG, nullable, optional, PAIRS, TEXT, U32, U64 } from "./command-fields.ts";

const FRAME = { size: optional(U32), hasNonZeroTail: optional(FLAG), reserved: optional(U32) };

export const IOMMUFD_COMMANDS: CommandTable = {
  AllocIoas: { flags: optional(U32, 0), base: optional(U64), length: optional(U64), ...FRAME },
  DestroyObject: { id: U32, ...FRAME },
  AllowIovas: { ioasId: U32, ranges: PAIRS, hasBadPointer: optional(FLAG), ...FRAME },
  QueryIovaRanges: { ioasId: U32, slots: U32, hasBadPointer: optional(FLAG), ...FRAME },
  MapIova: { ioasId: U32, flags: U32, userVa: U64, length: U64, iova: optional(U64, 0n), ...FRAME },
  MapFile: { ioasId: U32, flags: U32, fd: nullable(U32), start: U64, length: U64, iova: optional(U64, 0n), ...FRAME },
  CopyIova: {
    dstIoasId: U32,
    srcIoasId: U32,
    flags: U32,
    length: U64,
    dstIova: optional(U64, 0n),
    srcIova: U64,
    ...FRAME,
  },
  UnmapIova: { ioasId: U32, iova: U64, length: U64, ...FRAME },
  UseOption: { option: U32, operation: U32, objectId: optional(U32, 0), value: optional(U64, 0n), ...FRAME },
  ChangeProcess: FRAME,
  UseVfioIoas: { operation: U32, ioasId: optional(U32, 0), ...FRAME },
  AllocHwpt: {
    deviceId: U32,
    ptId: U32,
    flags: optional(U32, 0),
    dataType: optional(U32, 0),
    dataLength: optional(U32, 0),
    faultId: optional(U32),
    ...FRAME,
  },
  SetDirtyTracking: { hwptId: U32, flags: U32, ...FRAME },
  GetDirtyBitmap: { hwptId: U32, flags: optional(U32, 0), iova: U64, length: U64, pageSize: U64, ...FRAME },
  QueryHwInfo: { deviceId: U32, flags: optional(U32, 0), ...FRAME },
  BindVfioDevice: { device: TEXT },
  AttachVfioDevice: { device: TEXT, ptId: U32, pasid: optional(U32), base: optional(U64) },
  DetachVfioDevice: { device: TEXT, pasid: optional(U32), base: optional(U64) },
  CloseVfioDevice: { device: TEXT },
  AllocFaultQueue: { flags: optional(U32, 0), ...FRAME },
  AllocViommu: { viommuType: U32, deviceId: U32, hwptId: U32, flags: optional(U32, 0), ...FRAME },
  AllocVdevice: { viommuId: U32, deviceId: U32, virtualId: U64, ...FRAME },
  AllocVeventQueue: { viommuId: U32, queueType: U32, depth: U32, flags: optional(U32, 0), ...FRAME },
  AllocHwQueue: {
    viommuId: U32,
    queueType: U32,
    index: U32,
    iova: U64,
    length: U64,
    flags: optional(U32, 0),
    ...FRAME,
  },
  InvalidateHwpt: { objectId: U32, dataType: U32, entryBytes: U32, entries: U32, hasNoData: optional(FLAG), ...FRAME },
  CloseQueueFile: { id: U32 },
};

/** Handles that may stand for the kernel's ids: `"ioas":"ioas0"` for `"ioasId":1`. */
const HANDLES: Readonly<Record<string, string>> = {
  ioas: "ioasId",
  dstIoas: "dstIoasId",
  srcIoas: "srcIoasId",
  hwpt: "hwptId",
  pt: "ptId",
  object: "id",
};
const PROT_FLAGS: Readonly<Record<string, number>> = {
  r: MAP_READABLE,
  w: MAP_WRITEABLE,
  rw: MAP_READABLE | MAP_WRITEABLE,
};
/** No object has it: a call on a handle that is gone gets the kernel's own answer. */
const GONE = 0;

/** @throws JsonError */
export function withKernelIds(json: JsonObject, state: ContextState): JsonObject {
  if (json["base"] !== undefined && json["pasid"] !== undefined)
    throw new JsonError('"base" and "pasid" say one thing twice: give one');
  const command: Record<string, unknown> = {};
  for (const name of Object.keys(json)) {
    const value = json[name];
    if (value === undefined) continue;
    const field = name === "prot" ? "flags" : Object.hasOwn(HANDLES, name) ? (HANDLES[name] as string) : name;
    if (field !== name && json[field] !== undefined)
      throw new JsonError(`"${name}" and "${field}" say one thing twice: give one`);
    command[field] = name === "prot" ? flagsOf(value, json) : field === name ? value : kernelId(value, name, state);
  }
  return command;
}

/** `"prot":"rw"` in place of `"flags"`: fixed where the command tells the IOVA, else the kernel chooses. */
function flagsOf(prot: unknown, json: JsonObject): number {
  const bits = typeof prot === "string" ? PROT_FLAGS[prot] : undefined;
  if (bits === undefined) throw new JsonError('"prot" is not "r", "w" or "rw"');
  const isFixed = json["iova"] !== undefined || json["dstIova"] !== undefined;
  return bits | (isFixed ? MAP_FIXED_IOVA : 0);
}

function kernelId(handle: unknown, field: string, state: ContextState): number {
  const match = typeof handle === "string" ? /^(ioas|hwpt)(\d{1,6})$/.exec(handle) : null;
  if (match === null) throw new JsonError(`"${field}" is not a handle such as "ioas0" or "hwpt0"`);
  const number = Number(match[2]);
  if (match[1] === "hwpt") return state.hwpts[number]?.kernelId ?? GONE;
  const space = state.spaces[number];
  return space?.isAlive === true ? (space.kernelId ?? GONE) : GONE;
}
