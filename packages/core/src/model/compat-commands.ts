/** Calls of a VFIO container that an iommufd emulates as JSON (docs/commands.md): type1's. */
import type { CommandTable } from "./command-fields.ts";
import { IOMMUFD_COMMANDS } from "./iommufd-commands.ts";
import { TYPE1_COMMANDS } from "./type1-commands.ts";

/** The container is open from the beginning: a context is one file. */
export const COMPAT_COMMANDS: CommandTable = without(TYPE1_COMMANDS, ["OpenContainer"]);

/** What the same file takes as an iommufd. The calls of device files are not there on devices of groups (vfio_device_fops_unl_ioctl). */
export const COMPAT_IOMMUFD_COMMANDS: CommandTable = without(IOMMUFD_COMMANDS, [
  "BindVfioDevice",
  "AttachVfioDevice",
  "DetachVfioDevice",
  "CloseVfioDevice",
]);

function without(table: CommandTable, names: readonly string[]): CommandTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !names.includes(name)));
}
