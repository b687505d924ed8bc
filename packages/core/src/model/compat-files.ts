/** Group and device files around an emulated container: what an iommufd itself does not know of (drivers/vfio/group.c). */
import type { DeviceName, DriverChange } from "../events.ts";

export interface GroupFile {
  /** N of /dev/vfio/N. */
  readonly number: number;
  isJoined: boolean;
}

export type FileChange =
  | { readonly type: "GroupOpened"; readonly number: number }
  | { readonly type: "GroupJoined" | "GroupLeft" | "GroupClosed"; readonly group: number }
  | { readonly type: "DeviceOpened"; readonly device: DeviceName }
  | { readonly type: "DeviceClosed"; readonly file: number };

export class CompatFiles {
  /** By handle, in order of opening; null: closed. */
  readonly groups: (GroupFile | null)[];
  readonly devices: (DeviceName | null)[];

  constructor(groups: readonly (GroupFile | null)[] = [], devices: readonly (DeviceName | null)[] = []) {
    this.groups = groups.map((group) => group && { ...group });
    this.devices = [...devices];
  }

  openGroup(handle: number | null): GroupFile | null {
    return handle === null ? null : (this.groups[handle] ?? null);
  }

  isGroupOpen(number: number): boolean {
    return this.groups.some((group) => group?.number === number);
  }

  /** How often a device is open: the first file binds it, the last one lets it go. */
  openings(device: DeviceName): number {
    return this.devices.filter((open) => open === device).length;
  }

  apply(change: DriverChange): void {
    const made = change as object as FileChange;
    switch (made.type) {
      case "GroupOpened":
        this.groups.push({ number: made.number, isJoined: false });
        return;
      case "GroupJoined":
      case "GroupLeft": {
        const group = this.openGroup(made.group);
        if (group !== null) group.isJoined = made.type === "GroupJoined";
        return;
      }
      case "GroupClosed":
        this.groups[made.group] = null;
        return;
      case "DeviceOpened":
        this.devices.push(made.device);
        return;
      case "DeviceClosed":
        this.devices[made.file] = null;
        return;
    }
  }
}
