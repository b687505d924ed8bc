/** Calls of the VFIO type1 container as JSON (docs/commands.md). */
import { JsonError } from "../value-json.ts";
import { type CommandTable, type Field, FLAG, nullable, optional, TEXT, U32, U64 } from "./command-fields.ts";

const FILE: Field = {
  read(value, field) {
    const match = typeof value === "string" ? /^(container|group|device)(\d{1,9})$/.exec(value) : null;
    if (match !== null) return { kind: match[1], handle: Number(match[2]) };
    if (value === "foreign" || value === "none") return { kind: value };
    throw new JsonError(`"${field}" is not a file such as "container0", "group0" or "device0"`);
  },
};
const BITMAP: Field = {
  read(value, field) {
    if (typeof value !== "object" || value === null) throw new JsonError(`"${field}" is not {"pageSize","bytes"}`);
    const { pageSize, bytes } = value as Readonly<Record<string, unknown>>;
    return {
      pageSize: U64.read(pageSize, `${field}.pageSize`),
      bytes: U64.read(bytes, `${field}.bytes`),
      address: null,
      fill: 0,
    };
  },
};
/** The decider wants the field, and null where there is none. */
const NO_BITMAP: Field = { read: (value, field) => (value === null ? null : BITMAP.read(value, field)) };
const ARGUMENT = { argBytes: optional(U32), hasBadPointer: optional(FLAG) };
const CONTAINER = nullable(U32);
const GROUP = nullable(U32);

export const TYPE1_COMMANDS: CommandTable = {
  OpenContainer: {},
  OpenGroup: { group: U32 },
  CloseFile: { file: FILE },
  QueryApiVersion: { container: CONTAINER },
  CheckExtension: { container: CONTAINER, extension: U32 },
  SetIommu: { container: CONTAINER, iommuType: U32, base: optional(U64), length: optional(U64) },
  QueryGroupStatus: { group: GROUP },
  SetContainer: { group: GROUP, file: FILE, base: optional(U64) },
  UnsetContainer: { group: GROUP },
  OpenDevice: { group: GROUP, name: TEXT },
  QueryInfo: { container: CONTAINER, ...ARGUMENT },
  MapDma: { container: CONTAINER, flags: U32, userVa: U64, iova: U64, size: U64, ...ARGUMENT },
  UnmapDma: { container: CONTAINER, flags: U32, iova: U64, size: U64, bitmap: NO_BITMAP, ...ARGUMENT },
  UseDirtyPages: { container: CONTAINER, flags: U32, iova: U64, size: U64, bitmap: NO_BITMAP, ...ARGUMENT },
};
