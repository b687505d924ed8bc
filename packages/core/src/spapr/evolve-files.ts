/** The fold of what happens to files: containers, groups, devices. */
import { assert, unreachable } from "../assert.ts";
import type { SpaprEvent } from "./events.ts";
import { containerOf, groupOf, peOf } from "./handles.ts";
import type { SpaprState } from "./state.ts";

export type FileEvent = Extract<
  SpaprEvent,
  { type: "ContainerOpened" | "ContainerClosed" | `Group${string}` | "DeviceOpened" | "DeviceClosed" }
>;

export function applyToFiles(state: SpaprState, event: FileEvent): void {
  switch (event.type) {
    case "ContainerOpened":
      state.containers.push({ handle: state.containers.length, isOpen: true, groups: [], driver: null });
      return;
    case "ContainerClosed":
      containerOf(state, event.container).isOpen = false;
      return;
    case "GroupOpened":
      state.groups.push({ handle: state.groups.length, pe: event.pe, container: null, openDevices: 0 });
      return;
    case "DeviceOpened":
      state.devices.push({ handle: state.devices.length, group: event.group, isOpen: true });
      groupOf(state, event.group).openDevices++;
      return;
    case "DeviceClosed": {
      const device = state.devices[event.device];
      assert(device !== undefined, `device ${event.device} exists`);
      device.isOpen = false;
      groupOf(state, device.group).openDevices--;
      return;
    }
    case "GroupJoined": {
      const container = containerOf(state, event.container);
      groupOf(state, event.group).container = event.container;
      container.groups = [event.group, ...container.groups];
      if (container.driver !== null) container.driver.groups = [event.group, ...container.driver.groups];
      return;
    }
    case "GroupLeft": {
      const group = groupOf(state, event.group);
      if (group.container === null) return;
      const container = containerOf(state, group.container);
      const others = (handles: readonly number[]) => handles.filter((handle) => handle !== event.group);
      container.groups = others(container.groups);
      if (container.driver !== null) container.driver.groups = others(container.driver.groups);
      group.container = null;
      // spapr_tce_release_ownership has the firmware reset the PE's windows.
      peOf(state, group.pe).leftover = null;
      return;
    }
    default:
      unreachable(event);
  }
}
