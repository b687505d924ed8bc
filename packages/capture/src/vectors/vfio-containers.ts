/**
 * Containers, groups and devices of a VFIO vector file (type1 and sPAPR): which device can reach
 * which container's space, and when the space is gone.
 *
 * No record says that a space died. It does so with its last group, which leaves by UNSET_CONTAINER
 * or when its own and all its devices' files are closed (drivers/vfio/container.c
 * vfio_group_detach_container, drivers/vfio/group.c vfio_group_fops_release).
 */
import type { DeviceName, ObservedEvent, ProfileName } from "@ioasis/core";
import type { Emit } from "./dialect.ts";
import { MappedPages } from "./mapped-pages.ts";

export interface Container {
  /** The key of the container's facts: `""` for the file's first one. */
  readonly context: string;
  /** Before SET_IOMMU: what the file's name promises. */
  profile: ProfileName;
  /** SET_IOMMU has succeeded. */
  hasDriver: boolean;
  readonly groups: Set<Group>;
  pages: MappedPages;
  /** sPAPR windows: last byte by first. */
  readonly windows: Map<bigint, bigint>;
}

interface Group {
  readonly device: DeviceName;
  container: Container | null;
  isOpen: boolean;
  readonly devices: Set<string>;
}

export class VfioContainers {
  readonly #profile: ProfileName;
  readonly #containers = new Map<string, Container>();
  /** The first container, which calls may reach for before anything opened it. */
  #first: Container | null = null;
  readonly #groups = new Map<string, Group>();
  readonly #groupOfDevice = new Map<string, Group>();
  readonly #nameOfDevice = new Map<string, DeviceName>();

  constructor(profile: ProfileName) {
    this.#profile = profile;
  }

  /** The container `handle`; the file's first one for a handle that nothing opened. */
  container(handle: string | null): Container {
    const known = this.#containers.get(handle ?? "") ?? [...this.#containers.values()][0];
    if (known !== undefined) return known;
    this.#first ??= this.#made("");
    return this.#first;
  }

  open(handle: string): void {
    const isFirst = this.#containers.size === 0;
    this.#containers.set(handle, isFirst ? this.container(null) : this.#made(`container=${handle}`));
  }

  #made(context: string): Container {
    return {
      context,
      profile: this.#profile,
      hasDriver: false,
      groups: new Set(),
      pages: new MappedPages(),
      windows: new Map(),
    };
  }

  /** Reaches the file's first container until it joins one. */
  containerOfGroup(handle: string | null): Container {
    return this.#groups.get(handle ?? "")?.container ?? this.container(null);
  }

  openGroup(handle: string, device: DeviceName): void {
    this.#groups.set(handle, { device, container: null, isOpen: true, devices: new Set() });
  }

  join(groupHandle: string, containerHandle: string, emit: Emit): void {
    const group = this.#groups.get(groupHandle);
    const container = this.container(containerHandle);
    if (group === undefined) return;
    group.container = container;
    container.groups.add(group);
    if (container.hasDriver) emit(container.context, container.profile, attached(group.device));
  }

  /** SET_IOMMU: the space comes to be, and every group's device reaches it. */
  setDriver(containerHandle: string, profile: ProfileName, emit: Emit): void {
    const container = this.container(containerHandle);
    container.hasDriver = true;
    container.profile = profile;
    emit(container.context, profile, { type: "IoasAllocated", ioas: null, kernelId: null });
    for (const { device } of container.groups) emit(container.context, profile, attached(device));
  }

  leave(groupHandle: string, emit: Emit): void {
    const group = this.#groups.get(groupHandle);
    if (group !== undefined) this.#leave(group, emit);
  }

  openDevice(handle: string, groupHandle: string, name: DeviceName | null, emit: Emit): void {
    const group = this.#groups.get(groupHandle);
    if (group === undefined) return;
    group.devices.add(handle);
    this.#groupOfDevice.set(handle, group);
    const device = name ?? group.device;
    this.#nameOfDevice.set(handle, device);
    const container = group.container ?? this.container(null);
    emit(container.context, container.profile, { type: "DeviceBound", device, kernelId: null, group: groupHandle });
  }

  /** Any file of the session: a container, a group or a device. */
  close(handle: string, emit: Emit): void {
    const group = this.#groups.get(handle) ?? this.#groupOfDevice.get(handle);
    if (group === undefined) return;
    if (this.#groups.get(handle) === group) group.isOpen = false;
    else if (group.devices.delete(handle)) {
      const container = group.container ?? this.container(null);
      const device = this.#nameOfDevice.get(handle) ?? group.device;
      emit(container.context, container.profile, { type: "DeviceUnbound", device });
    }
    if (!group.isOpen && group.devices.size === 0) this.#leave(group, emit);
  }

  #leave(group: Group, emit: Emit): void {
    const { container, device } = group;
    if (container === null) return;
    group.container = null;
    container.groups.delete(group);
    if (!container.hasDriver) return;
    emit(container.context, container.profile, { type: "DeviceDetached", device, pasid: null });
    if (container.groups.size > 0) return;
    emit(container.context, container.profile, { type: "IoasDestroyed", ioas: null });
    container.hasDriver = false;
    container.pages = new MappedPages();
    container.windows.clear();
  }
}

function attached(device: DeviceName): ObservedEvent {
  return { type: "DeviceAttached", device, pasid: null, ioas: null, hwpt: null };
}
