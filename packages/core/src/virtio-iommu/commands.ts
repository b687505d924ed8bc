/**
 * The requests of a virtio-iommu driver, as its device receives them (VIRTIO 1.3, 5.13.6;
 * include/uapi/linux/virtio_iommu.h), and the reset of the device. Domains and endpoints by the guest's
 * numbers. A request may be nonsense.
 */

/** How the request arrived; left out: as long as its type wants. */
export interface RequestFrame {
  /** Bytes of the part that the device reads, with the head of 4. */
  readonly requestBytes?: number;
}

export const ATTACH_BYPASS = 1;
export const MAP_READ = 1;
export const MAP_WRITE = 2;
export const MAP_MMIO = 4;

/** `flags`: ATTACH_BYPASS. */
export interface AttachEndpoint extends RequestFrame {
  readonly command: "AttachEndpoint";
  readonly domain: number;
  readonly endpoint: number;
  readonly flags: number;
  /** Value of `reserved`. */
  readonly reserved?: number;
}

export interface DetachEndpoint extends RequestFrame {
  readonly command: "DetachEndpoint";
  readonly domain: number;
  readonly endpoint: number;
}

/** `flags`: MAP_READ, MAP_WRITE, MAP_MMIO. The addresses are the first and the last byte. */
export interface MapRange extends RequestFrame {
  readonly command: "MapRange";
  readonly domain: number;
  readonly virtStart: bigint;
  readonly virtEnd: bigint;
  readonly physStart: bigint;
  readonly flags: number;
}

export interface UnmapRange extends RequestFrame {
  readonly command: "UnmapRange";
  readonly domain: number;
  readonly virtStart: bigint;
  readonly virtEnd: bigint;
}

export interface ProbeEndpoint extends RequestFrame {
  readonly command: "ProbeEndpoint";
  readonly endpoint: number;
}

/** A request of a type that the specification does not define. */
export interface UnknownRequest {
  readonly command: "UnknownRequest";
  readonly type: number;
}

/** The driver writes 0 to the device's status. */
export interface ResetDevice {
  readonly command: "ResetDevice";
}

export type VirtioIommuCommand =
  | AttachEndpoint
  | DetachEndpoint
  | MapRange
  | UnmapRange
  | ProbeEndpoint
  | UnknownRequest
  | ResetDevice;

/** struct virtio_iommu_req_* without its tail, bytes. */
export const REQUEST_BYTES = { attach: 20, detach: 20, map: 36, unmap: 28, probe: 72 } as const;
