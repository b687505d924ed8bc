/** Calls of the sPAPR TCE container as JSON (docs/commands.md). */
import { type CommandTable, FLAG, optional, U32, U64 } from "./command-fields.ts";

const ON = { container: U32, isOtherProcess: optional(FLAG) };
const ARGUMENT = { argBytes: optional(U32), hasBadPointer: optional(FLAG) };
/** In place of `iova`. */
const OFFSET = { base: optional(U64), offset: optional(U64) };
const MEMORY = { ...ON, userVa: U64, size: U64, flags: optional(U32, 0), ...ARGUMENT };

export const SPAPR_COMMANDS: CommandTable = {
  OpenContainer: {},
  CloseContainer: { container: U32 },
  OpenGroup: { pe: U32 },
  QueryGroupStatus: { group: U32 },
  SetContainer: { group: U32, container: U32 },
  UnsetContainer: { group: U32 },
  OpenDevice: { group: U32 },
  CloseDevice: { device: U32 },
  QueryApiVersion: ON,
  CheckExtension: { ...ON, extension: U32 },
  SetIommu: { ...ON, iommuType: U32 },
  QueryTceInfo: { ...ON, ...ARGUMENT },
  RegisterMemory: MEMORY,
  UnregisterMemory: MEMORY,
  CreateWindow: {
    ...ON,
    pageShift: U32,
    size: optional(U64),
    levels: U32,
    flags: optional(U32, 0),
    base: optional(U64),
    length: optional(U64),
    ...ARGUMENT,
  },
  RemoveWindow: { ...ON, start: U64, flags: optional(U32, 0), ...ARGUMENT },
  Enable: ON,
  Disable: ON,
  MapDma: { ...ON, iova: optional(U64), userVa: U64, size: U64, flags: U32, ...OFFSET, ...ARGUMENT },
  UnmapDma: { ...ON, iova: optional(U64), size: U64, flags: optional(U32, 0), ...OFFSET, ...ARGUMENT },
  UseEeh: ON,
};
