/** What decides the outcome of a request beside the state and the request itself: the device, its endpoints. */
import { type Iova, U64_MAX } from "../address.ts";
import type { HostDevice } from "../host/host-profile.ts";
import type { LayoutReserved, Viommu } from "../layout/layout.ts";
import { holes, type Range } from "../range.ts";

/**
 * Whose device: QEMU's hw/virtio/virtio-iommu.c (7.0 to 10.0 check alike) or cloud-hypervisor's
 * virtio-devices/src/iommu.rs (August 2026).
 */
export const IMPLEMENTATIONS = ["qemu", "cloud-hypervisor"] as const;
export type Implementation = (typeof IMPLEMENTATIONS)[number];

/** Property RESV_MEM: `reserved` is subtype 0, `msi` subtype 1 (5.13.6.8). */
export interface EndpointRegion extends Range {
  readonly type: "reserved" | "msi";
}

export interface EndpointTraits {
  /** What its host device may not use; on top of `VirtioIommuEnvironment.reserved`. */
  readonly reserved: readonly EndpointRegion[];
  /** IOVAs that the host takes for an assigned device; null: an emulated device, or not told. */
  readonly hostRanges: readonly Range[] | null;
}

export interface VirtioIommuEnvironment {
  readonly implementation: Implementation;
  /** config.page_size_mask: its lowest bit is the granule, bytes. */
  readonly pageSizeMask: bigint;
  /** config.input_range. */
  readonly inputRange: Range;
  /** config.probe_size, bytes. */
  readonly probeBytes: number;
  /** config.bypass: endpoints without a domain reach guest memory (`boot-bypass` until the guest writes it). */
  readonly bypass: boolean;
  /** Regions of the machine, the same for every endpoint (QEMU's `reserved-regions`). */
  readonly reserved: readonly EndpointRegion[];
  /** By the guest's number: bus << 8 | devfn on PCI. */
  readonly endpoints: ReadonlyMap<number, EndpointTraits>;
}

const DEFAULT_GRANULE = 0x1000n;
/** VIOMMU_PROBE_SIZE; PROBE_PROP_SIZE of cloud-hypervisor, one property. */
const PROBE_BYTES: Readonly<Record<Implementation, number>> = { qemu: 512, "cloud-hypervisor": 24 };

/**
 * The device that a layout's vIOMMU stands for, all endpoints in bypass mode at first.
 * `viommu.granuleBytes` null (that of the host): 4 KiB pages.
 */
export function virtioIommuEnvironment(
  implementation: Implementation,
  viommu: Viommu,
  reserved: readonly LayoutReserved[],
  endpoints: ReadonlyMap<number, EndpointTraits>,
): VirtioIommuEnvironment {
  const granule = viommu.granuleBytes ?? DEFAULT_GRANULE;
  const last = viommu.addressBits === null ? U64_MAX : 2n ** BigInt(viommu.addressBits) - 1n;
  return {
    implementation,
    pageSizeMask: BigInt.asUintN(64, -granule),
    inputRange: { first: 0n as Iova, last: last as Iova },
    probeBytes: PROBE_BYTES[implementation],
    bypass: true,
    reserved: reserved.map(({ first, last: end, type }) => ({ first, last: end, type })),
    endpoints,
  };
}

/**
 * An assigned device as an endpoint: what its host cannot map is told to the guest as reserved
 * (virtio_iommu_set_host_iova_ranges); MSI windows are left to the machine, which has its own.
 */
export function endpointOfHostDevice({ aperture, reserved }: HostDevice): EndpointTraits {
  const regions = (reserved ?? []).filter(({ type }) => type !== "direct-relaxable");
  const outside = aperture === null ? [] : holes([aperture]);
  return {
    reserved: [...regions.filter(({ type }) => type !== "msi"), ...outside].map(({ first, last }) => ({
      first,
      last,
      type: "reserved" as const,
    })),
    hostRanges: aperture === null ? null : holes([...outside, ...regions]),
  };
}
