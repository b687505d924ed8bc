/** Calls on a group, and what ends with a file (drivers/vfio/group.c, container.c). */
import type { Refusal } from "../decide/outcome.ts";
import { attachGroup, detachGroup } from "./attach-group.ts";
import type { CloseFile, OpenDevice, OpenGroup, QueryGroupStatus, SetContainer, UnsetContainer } from "./commands.ts";
import { BAD_FILE } from "./container-calls.ts";
import type { GroupTraits, Type1Environment } from "./environment.ts";
import type { Type1Event } from "./events.ts";
import { TOP_OF_SPACE } from "./kernel-bugs.ts";
import { done, refusedBy, suspect, type Type1Outcome } from "./outcome.ts";
import type { Driver, Group, Layout, Type1State } from "./state.ts";

type Nothing = Record<never, never>;

const IS_OPEN: Refusal = { errno: "EBUSY", rule: "vfio_group_fops_open: the group is open already" };
const NOT_OPEN: Refusal = { errno: "EBADF", rule: "vfio_group_ioctl_set_container: no open file" };
const HAS_CONTAINER: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_set_container: the group is in a container" };
const NO_CONTAINER: Refusal = { errno: "EBADFD", rule: "iommufd_ctx_from_file: the file is no container" };
const NOT_IN: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_unset_container: the group is in no container" };
const DEVICE_OPEN: Refusal = { errno: "EBUSY", rule: "vfio_group_ioctl_unset_container: a device is open" };
const NO_DEVICE: Refusal = { errno: "ENODEV", rule: "vfio_device_get_from_name: no such device in the group" };
const NO_IOMMU: Refusal = {
  errno: "EINVAL",
  rule: "vfio_group_use_container: the group has no container with a driver",
};

/** VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET. */
const VIABLE = 1;
const CONTAINER_SET = 2;

/** open(2) of /dev/vfio/N. `out`: the handle. */
export function openGroup(state: Type1State, { group }: OpenGroup): Type1Outcome<number> {
  if (state.livingGroup(group) !== null) return refusedBy(IS_OPEN);
  return done(state.groups.length, [{ type: "GroupOpened", group }]);
}

/** vfio_group_ioctl_get_status */
export function queryGroupStatus(state: Type1State, command: QueryGroupStatus): Type1Outcome<number> {
  const group = state.openGroup(command.group);
  if (group === null) return refusedBy(BAD_FILE);
  return done(group.container === null ? VIABLE : VIABLE | CONTAINER_SET);
}

/** vfio_group_ioctl_set_container, vfio_container_attach_group */
export function setContainer(
  state: Type1State,
  { group: handle, file }: SetContainer,
  environment: Type1Environment,
): Type1Outcome<Nothing> {
  const group = state.openGroup(handle);
  if (group === null) return refusedBy(BAD_FILE);
  if (file.kind === "none") return refusedBy(NOT_OPEN);
  if (group.container !== null) return refusedBy(HAS_CONTAINER);
  if (file.kind !== "container") return refusedBy(NO_CONTAINER);
  const container = state.openContainer(file.handle);
  if (container === null) return refusedBy(NOT_OPEN);
  const joins: Type1Event = { type: "GroupJoined", group: group.handle, container: container.handle };
  const { driver } = container;
  const traits = environment.groups.get(group.number);
  if (driver === null || traits === undefined) return done({}, [joins]);
  const layout = layoutWith(driver, traits, environment);
  const outcome =
    "errno" in layout
      ? refusedBy(layout)
      : done({}, [joins, { type: "LayoutChanged", container: container.handle, layout }]);
  return driver.isMisled ? suspect(outcome, TOP_OF_SPACE) : outcome;
}

function layoutWith(driver: Driver, group: GroupTraits, { policy }: Type1Environment): Layout | Refusal {
  const layout = attachGroup({ layout: driver.layout, driver, group, isNesting: false });
  return "errno" in layout ? layout : (policy?.reachRefusal(layout.iovas) ?? layout);
}

/** vfio_group_ioctl_unset_container */
export function unsetContainer(
  state: Type1State,
  command: UnsetContainer,
  environment: Type1Environment,
): Type1Outcome<Nothing> {
  const group = state.openGroup(command.group);
  if (group === null) return refusedBy(BAD_FILE);
  if (group.container === null) return refusedBy(NOT_IN);
  if (group.openDevices > 0) return refusedBy(DEVICE_OPEN);
  return done({}, leaveEvents(state, group, environment));
}

/** vfio_group_ioctl_get_device_fd: an unknown name is found out first. `out`: the handle. */
export function openDevice(
  state: Type1State,
  { group: handle, name }: OpenDevice,
  { groups }: Type1Environment,
): Type1Outcome<number> {
  const group = state.openGroup(handle);
  if (group === null) return refusedBy(BAD_FILE);
  if (groups.get(group.number)?.devices.includes(name) !== true) return refusedBy(NO_DEVICE);
  const driver = group.container === null ? null : state.containers[group.container]?.driver;
  if (driver === null || driver === undefined) return refusedBy(NO_IOMMU);
  return done(state.devices.length, [{ type: "DeviceOpened", group: group.handle }]);
}

/**
 * close(2). A container lives on while a group is inside; a group leaves its container with the last of
 * its own file and its devices' files (an open device holds the group's file).
 */
export function closeFile(
  state: Type1State,
  { file }: CloseFile,
  environment: Type1Environment,
): Type1Outcome<Nothing> {
  if (file.kind === "container")
    return state.openContainer(file.handle) === null
      ? refusedBy(BAD_FILE)
      : done({}, [{ type: "ContainerClosed", container: file.handle }]);
  if (file.kind === "group") {
    const group = state.openGroup(file.handle);
    if (group === null) return refusedBy(BAD_FILE);
    const left = group.openDevices > 0 ? [] : leaveEvents(state, group, environment);
    return done({}, [...left, { type: "GroupClosed", group: file.handle }]);
  }
  if (file.kind !== "device") return file.kind === "none" ? refusedBy(BAD_FILE) : done({});
  const device = state.devices[file.handle];
  const group = device === undefined ? undefined : state.groups[device.group];
  if (device?.isOpen !== true || group === undefined) return refusedBy(BAD_FILE);
  const isLast = !group.isOpen && group.openDevices === 1;
  const left = isLast ? leaveEvents(state, group, environment) : [];
  return done({}, [...left, { type: "DeviceClosed", device: file.handle }]);
}

/** A group leaves its container; the last one takes the driver along (vfio_group_detach_container). */
function leaveEvents(state: Type1State, group: Group, { groups }: Type1Environment): Type1Event[] {
  const container = group.container === null ? undefined : state.containers[group.container];
  if (container === undefined) return [];
  const left: Type1Event = { type: "GroupLeft", group: group.handle };
  const { driver, handle } = container;
  if (driver === null) return [left];
  if (container.groups.length === 1) return [left, { type: "DriverReleased", container: handle }];
  const layout = detachGroup(driver.layout, group.number, groups);
  return [left, { type: "LayoutChanged", container: handle, layout }];
}
