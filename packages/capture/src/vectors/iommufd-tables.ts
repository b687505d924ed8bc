/**
 * Which page table (hwpt) each device of an iommufd vector file is attached to.
 *
 * A record names the table that an attach ended in; that it is new, and that the table before died
 * with its last device, follows from the names (drivers/iommu/iommufd/device.c
 * iommufd_device_auto_get_domain, iommufd_hw_pagetable_detach).
 */
import type { DeviceName, ObservedEvent, Range } from "@ioasis/core";
import type { Fields } from "./record.ts";

interface Table {
  readonly id: number;
  readonly ioas: number;
  readonly auto: boolean;
  readonly devices: Set<DeviceName>;
}

/** What the file's meta line says of every page table of its (mock) devices. */
export interface TableTraits {
  readonly pageSize: bigint | null;
  readonly aperture: Range | null;
}

export class IommufdTables {
  readonly #tables = new Map<string, Table>();
  readonly #attached = new Map<DeviceName, string>();

  /** IOMMU_HWPT_ALLOC. */
  allocated(input: Fields, output: Fields, traits: TableTraits): ObservedEvent {
    const id = output.number("id");
    const parent = this.#tables.get(input.string("pt"));
    const ioas = parent?.ioas ?? input.number("pt_id");
    this.#tables.set(output.string("hwpt"), { id, ioas, auto: false, devices: new Set() });
    const flags = input.number("flags");
    const event = { hwpt: id, ioas, kernelId: id, auto: false } as const;
    const features = { nestParent: (flags & 1) !== 0, dirtyTracking: (flags & 2) !== 0 };
    return parent === undefined
      ? { type: "HwptAllocated", ...event, ...traits, ...features }
      : { type: "HwptAllocated", ...event, pageSize: null, aperture: null, ...features, parent: parent.id };
  }

  /** The device is attached to the table that `output` names; `input.pt` is what was asked for. */
  attached(device: DeviceName, input: Fields, output: Fields, traits: TableTraits): ObservedEvent[] {
    const handle = output.string("hwpt");
    const before = this.#attached.get(device);
    if (before === handle) return [];
    const events: ObservedEvent[] = [];
    let table = this.#tables.get(handle);
    if (table === undefined) {
      const id = output.number("hwpt_id");
      table = { id, ioas: input.number("pt_id"), auto: true, devices: new Set() };
      this.#tables.set(handle, table);
      const features = { auto: true, dirtyTracking: false, nestParent: false };
      events.push({ type: "HwptAllocated", hwpt: id, ioas: table.ioas, kernelId: id, ...traits, ...features });
    }
    events.push({ type: "DeviceAttached", device, pasid: null, ioas: table.ioas, hwpt: table.id });
    table.devices.add(device);
    this.#attached.set(device, handle);
    return before === undefined ? events : [...events, ...this.#left(device, before)];
  }

  detached(device: DeviceName): ObservedEvent[] {
    const handle = this.#attached.get(device);
    if (handle === undefined) return [];
    this.#attached.delete(device);
    return [{ type: "DeviceDetached", device, pasid: null }, ...this.#left(device, handle)];
  }

  destroyed(handle: string): void {
    this.#tables.delete(handle);
  }

  #left(device: DeviceName, handle: string): ObservedEvent[] {
    const table = this.#tables.get(handle);
    table?.devices.delete(device);
    if (table === undefined || !table.auto || table.devices.size > 0) return [];
    this.#tables.delete(handle);
    return [{ type: "HwptDestroyed", hwpt: table.id }];
  }
}
