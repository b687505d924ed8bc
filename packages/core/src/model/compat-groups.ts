/**
 * Calls on the group files of an emulated container (drivers/vfio/group.c), in the kernel's order of checks. What a
 * group does to the iommufd is `compat/decide.ts`'s; a device is bound with its first file, and attached to the
 * container's ioas.
 */
import { callRefused, type Outcome, type Refusal, refused } from "../decide/outcome.ts";
import type { HostDevice } from "../host/host-profile.ts";
import type { FileRef, QueryGroupStatus, SetContainer, UnsetContainer } from "../type1/commands.ts";
import { BAD_FILE } from "../type1/container-calls.ts";
import type { CompatFiles, FileChange } from "./compat-files.ts";

const NO_GROUP: Refusal = { errno: "ENOENT", rule: "open: the hosts have no group of this number" };
const IS_OPEN: Refusal = { errno: "EBUSY", rule: "vfio_group_fops_open: the group is open already" };
const NOT_OPEN: Refusal = { errno: "EBADF", rule: "vfio_group_ioctl_set_container: no open file" };
const IS_JOINED: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_set_container: the group is in a container" };
const NO_CONTAINER: Refusal = { errno: "EBADFD", rule: "iommufd_ctx_from_file: the file is no container" };
const NOT_IN: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_unset_container: the group is in no container" };
const NO_DEVICE: Refusal = { errno: "ENODEV", rule: "vfio_device_get_from_name: no such device in the group" };
const NO_IOMMU: Refusal = { errno: "EINVAL", rule: "vfio_df_group_open: the group is in no container" };

/** VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET. */
const VIABLE = 1;
const CONTAINER_SET = 2;
/** They leave no event, answered or refused. */
const QUESTIONS: ReadonlySet<string> = new Set(["QueryApiVersion", "CheckExtension", "QueryGroupStatus", "QueryInfo"]);
/** Handle of the one container. */
export const CONTAINER = 0;

/** The events beside those of the iommufd. `out`: as type1's. */
export interface FileOutcome extends Outcome<unknown> {
  readonly changes: readonly FileChange[];
}

export function changed(out: unknown, ...changes: readonly FileChange[]): FileOutcome {
  return { errno: null, rule: null, events: [], out, changes };
}

export function refusedCall(call: string, refusal: Refusal): FileOutcome {
  return { ...(QUESTIONS.has(call) ? refused(refusal, []) : callRefused(call, refusal)), changes: [] };
}

export function openGroup(files: CompatFiles, number: number, devices: Iterable<HostDevice>): FileOutcome {
  if (![...devices].some(({ group }) => group === number)) return refusedCall("OpenGroup", NO_GROUP);
  if (files.isGroupOpen(number)) return refusedCall("OpenGroup", IS_OPEN);
  return changed(files.groups.length, { type: "GroupOpened", number });
}

export function queryGroupStatus(files: CompatFiles, { command, group: handle }: QueryGroupStatus): FileOutcome {
  const group = files.openGroup(handle);
  if (group === null) return refusedCall(command, BAD_FILE);
  return changed(group.isJoined ? VIABLE | CONTAINER_SET : VIABLE);
}

/** Why a group cannot join; null: it joins. */
export function joinRefusal(files: CompatFiles, { group: handle, file }: SetContainer): Refusal | null {
  const group = files.openGroup(handle);
  if (group === null) return BAD_FILE;
  if (!isOpen(files, file)) return NOT_OPEN;
  if (group.isJoined) return IS_JOINED;
  return file.kind === "container" ? null : NO_CONTAINER;
}

/** Devices of the group stay open and attached: only a container of type1 looks for them. */
export function unsetContainer(files: CompatFiles, { group: handle }: UnsetContainer): FileOutcome {
  const group = files.openGroup(handle);
  if (handle === null || group === null) return refusedCall("UnsetContainer", BAD_FILE);
  return group.isJoined ? changed({}, { type: "GroupLeft", group: handle }) : refusedCall("UnsetContainer", NOT_IN);
}

/** Why a device's file cannot be had from a group; what comes behind is the iommufd's to refuse. */
export function deviceRefusal(
  files: CompatFiles,
  handle: number | null,
  device: HostDevice | undefined,
): Refusal | null {
  const group = files.openGroup(handle);
  if (group === null) return BAD_FILE;
  if (device?.group !== group.number) return NO_DEVICE;
  return group.isJoined ? null : NO_IOMMU;
}

export function isOpen(files: CompatFiles, file: FileRef): boolean {
  switch (file.kind) {
    case "container":
      return file.handle === CONTAINER;
    case "group":
      return files.openGroup(file.handle) !== null;
    case "device":
      return (files.devices[file.handle] ?? null) !== null;
    default:
      return file.kind === "foreign";
  }
}
