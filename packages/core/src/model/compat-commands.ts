/** Calls of a VFIO container that an iommufd emulates as JSON (docs/commands.md): type1's. */
import type { CommandTable } from "./command-fields.ts";
import { IOMMUFD_COMMANDS } from "./iommufd-commands.ts";
import { TYPE1_COMMANDS } from "./type1-commands.ts";

/** The container is open from the beginning: a context is one file. Addresses are asked for on its ioas (AllocIoas). */
export const COMPAT_COMMANDS: CommandTable = {
  ...without(TYPE1_COMMANDS, ["OpenContainer"]),
  SetIommu: without(TYPE1_COMMANDS["SetIommu"] ?? {}, ["base", "length"]),
  SetContainer: without(TYPE1_COMMANDS["SetContainer"] ?? {}, ["base"]),
};

/** What the same file takes as an iommufd. The calls of device files are not there on devices of groups (vfio_device_fops_unl_ioctl). */
export const COMPAT_IOMMUFD_COMMANDS: CommandTable = without(IOMMUFD_COMMANDS, [
  "BindVfioDevice",
  "AttachVfioDevice",
  "DetachVfioDevice",
  "CloseVfioDevice",
]);

function without<T>(table: Readonly<Record<string, T>>, names: readonly string[]): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !names.includes(name)));
}
