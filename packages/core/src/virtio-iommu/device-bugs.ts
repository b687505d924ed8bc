/** Mistakes of virtio-iommu devices that a user should know by name; each breaks a rule of VIRTIO 1.3, 5.13. */

export interface DeviceBug {
  readonly name: string;
  /** When it strikes. */
  readonly condition: string;
  readonly effect: string;
}

export const MAP_BACKWARDS: DeviceBug = {
  name: "virtio-iommu-map-backwards",
  condition: "QEMU: a MAP that ends before it begins (5.13.6.5: virt_end is greater)",
  effect:
    "virtio_iommu_map puts it into the domain's tree, where it misleads later look-ups, and answers OK; the model " +
    "refuses it with INVAL",
};

export const MAP_RESERVED: DeviceBug = {
  name: "virtio-iommu-map-reserved",
  condition:
    "QEMU, cloud-hypervisor: a MAP over a region that PROBE tells as reserved (5.13.6.8: it should be refused)",
  effect: "OK, and QEMU never uses the mapping there: virtio_iommu_translate looks at the regions first",
};

export const UNMAP_ORDER: DeviceBug = {
  name: "virtio-iommu-unmap-order",
  condition: "QEMU: an UNMAP that cuts a mapping and holds others whole (5.13.6.6: nothing should be removed)",
  effect:
    "RANGE, and some of the others are gone: virtio_iommu_unmap takes them in the order in which its tree finds them; " +
    "the model takes those below the first cut one",
};

export const DETACH_OTHER: DeviceBug = {
  name: "virtio-iommu-detach-other",
  condition: "cloud-hypervisor: a DETACH that names another domain than the endpoint's (5.13.6.4)",
  effect:
    "OK: the endpoint leaves its own domain, which lives on without endpoints, and its mappings stay in the host's container",
};

export const RESET_KEEPS: DeviceBug = {
  name: "virtio-iommu-reset-keeps",
  condition: "cloud-hypervisor: a reset of the device (5.13.5: no endpoint is attached after it)",
  effect: "endpoints stay attached, domains keep their mappings",
};

export const DEVICE_BUGS: readonly DeviceBug[] = [MAP_BACKWARDS, MAP_RESERVED, UNMAP_ORDER, DETACH_OTHER, RESET_KEEPS];
