/** ioctl numbers (include/uapi/linux/vfio.h, iommufd.h). Those from 0x3b70 to 0x3b75 mean other calls on a device. */
export const VFIO = {
  SET_IOMMU: 0x3b66,
  GROUP_SET_CONTAINER: 0x3b68,
  GROUP_UNSET_CONTAINER: 0x3b69,
  GROUP_GET_DEVICE_FD: 0x3b6a,
  MAP_DMA: 0x3b71,
  UNMAP_DMA: 0x3b72,
  DIRTY_PAGES: 0x3b75,
  DEVICE_BIND_IOMMUFD: 0x3b76,
  DEVICE_ATTACH_IOMMUFD_PT: 0x3b77,
  DEVICE_DETACH_IOMMUFD_PT: 0x3b78,
} as const;

export const IOMMU = {
  DESTROY: 0x3b80,
  IOAS_ALLOC: 0x3b81,
  IOAS_COPY: 0x3b83,
  IOAS_MAP: 0x3b85,
  IOAS_UNMAP: 0x3b86,
  HWPT_ALLOC: 0x3b89,
  HWPT_SET_DIRTY_TRACKING: 0x3b8b,
  IOAS_MAP_FILE: 0x3b8f,
} as const;

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(VFIO).map(([name, cmd]): [number, string] => [cmd, `VFIO_${name}`]),
  ...Object.entries(IOMMU).map(([name, cmd]): [number, string] => [cmd, `IOMMU_${name}`]),
]);

export function ioctlName(cmd: number): string {
  return NAMES.get(cmd) ?? `ioctl 0x${cmd.toString(16)}`;
}
