/** What a device answers: VIRTIO_IOMMU_S_* (VIRTIO 1.3, 5.13.6). */
import type { Errno } from "../errno.ts";

/** Position = number on the wire. */
export const VIRTIO_IOMMU_STATUSES = [
  "OK",
  "IOERR",
  "UNSUPP",
  "DEVERR",
  "INVAL",
  "RANGE",
  "NOENT",
  "FAULT",
  "NOMEM",
] as const;
export type VirtioIommuStatus = (typeof VIRTIO_IOMMU_STATUSES)[number];

/** What Linux' driver makes of each (drivers/iommu/virtio-iommu.c: viommu_get_req_errno). */
const ERRNO_OF: Readonly<Record<Exclude<VirtioIommuStatus, "OK">, Errno>> = {
  IOERR: "EIO",
  UNSUPP: "ENOSYS",
  DEVERR: "EIO",
  INVAL: "EINVAL",
  RANGE: "ERANGE",
  NOENT: "ENOENT",
  FAULT: "EFAULT",
  NOMEM: "ENOMEM",
};

/** Null: the device gave the request back unwritten, which Linux reads as IOERR (viommu_set_req_status). */
export function errnoOfStatus(status: Exclude<VirtioIommuStatus, "OK"> | null): Errno {
  return ERRNO_OF[status ?? "IOERR"];
}
