/** Calls on a group (drivers/vfio/group.c, container.c) and what the driver makes of them. */
import type { Refusal } from "../decide/outcome.ts";
import type { CommandOf } from "./commands.ts";
import { NO_FILE } from "./driver-call.ts";
import type { SpaprEnvironment } from "./environment.ts";
import type { SpaprEvent } from "./events.ts";
import { done, type Nothing, refusedBy, type SpaprOutcome } from "./outcome.ts";
import { reachRefusal } from "./reach.ts";
import { type Driver, lastOf, type SpaprState } from "./state.ts";

/** VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET */
const VIABLE = 1;
const CONTAINER_SET = 2;

const OPENED_TWICE: Refusal = { errno: "EBUSY", rule: "vfio_group_fops_open: the group is open" };
const IS_INSIDE: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_set_container: it is in a container" };
const IS_OUTSIDE: Refusal = { errno: "EINVAL", rule: "vfio_group_ioctl_unset_container: it is in no container" };
const HAS_DEVICES: Refusal = { errno: "EBUSY", rule: "vfio_group_ioctl_unset_container: devices are open" };
const NO_DRIVER: Refusal = { errno: "EINVAL", rule: "vfio_group_use_container: no container with a driver" };
const ONE_GROUP: Refusal = { errno: "EBUSY", rule: "tce_iommu_attach_group: v1 takes one group" };
const OTHER_TABLES: Refusal = {
  errno: "EPERM",
  rule: "spapr_tce_set_window: the container's windows are another group's",
};

export function openGroup(state: SpaprState, { pe }: CommandOf<"OpenGroup">): SpaprOutcome<{ readonly group: number }> {
  if (state.groupOfPe(pe) !== null) return refusedBy(OPENED_TWICE);
  return done({ group: state.groups.length }, [{ type: "GroupOpened", pe }]);
}

export function queryGroupStatus(
  state: SpaprState,
  command: CommandOf<"QueryGroupStatus">,
): SpaprOutcome<{ readonly flags: number }> {
  const group = state.groups[command.group];
  if (group === undefined) return refusedBy(NO_FILE);
  return done({ flags: VIABLE | (group.container === null ? 0 : CONTAINER_SET) });
}

export function setContainer(
  state: SpaprState,
  command: CommandOf<"SetContainer">,
  environment: SpaprEnvironment,
): SpaprOutcome<Nothing> {
  const group = state.groups[command.group];
  const container = state.containers[command.container];
  if (group === undefined || container === undefined || !container.isOpen) return refusedBy(NO_FILE);
  if (group.container !== null) return refusedBy(IS_INSIDE);
  const { driver } = container;
  const refusal =
    driver === null ? null : (attachRefusal(driver, environment) ?? reachRefusal([group], driver.version, environment));
  if (refusal !== null) return refusedBy(refusal);
  return done({}, [{ type: "GroupJoined", group: group.handle, container: container.handle }]);
}

/** tce_iommu_attach_group. Tables of bare metal are shared; those of the firmware belong to one PE. */
function attachRefusal(driver: Driver, { platform }: SpaprEnvironment): Refusal | null {
  if (driver.version === 1) return ONE_GROUP;
  const hasWindow = driver.windows.some((window) => window !== null);
  return platform.machine === "pseries" && hasWindow ? OTHER_TABLES : null;
}

/** The last group takes the driver with it; another one clears all TCEs, for the groups that stay too. */
export function unsetContainer(state: SpaprState, command: CommandOf<"UnsetContainer">): SpaprOutcome<Nothing> {
  const group = state.groups[command.group];
  if (group === undefined) return refusedBy(NO_FILE);
  const container = group.container === null ? undefined : state.containers[group.container];
  if (container === undefined) return refusedBy(IS_OUTSIDE);
  if (group.openDevices > 0) return refusedBy(HAS_DEVICES);
  const left: SpaprEvent = { type: "GroupLeft", group: group.handle };
  const { driver, handle } = container;
  if (driver === null) return done({}, [left]);
  if (container.groups.length === 1) return done({}, [{ type: "DriverReleased", container: handle }, left]);
  const cleared = driver.windows.flatMap((window, slot): SpaprEvent[] =>
    window === null
      ? []
      : [{ type: "TcesCleared", container: handle, slot, first: window.start, last: lastOf(window) }],
  );
  return done({}, [...cleared, left]);
}

export function openDevice(
  state: SpaprState,
  command: CommandOf<"OpenDevice">,
): SpaprOutcome<{ readonly device: number }> {
  const group = state.groups[command.group];
  if (group === undefined) return refusedBy(NO_FILE);
  const container = group.container === null ? undefined : state.containers[group.container];
  if (container === undefined || container.driver === null) return refusedBy(NO_DRIVER);
  return done({ device: state.devices.length }, [{ type: "DeviceOpened", group: group.handle }]);
}

export function closeDevice(state: SpaprState, command: CommandOf<"CloseDevice">): SpaprOutcome<Nothing> {
  const device = state.devices[command.device];
  if (device === undefined || !device.isOpen) return refusedBy(NO_FILE);
  return done({}, [{ type: "DeviceClosed", device: device.handle }]);
}
