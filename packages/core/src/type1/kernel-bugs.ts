/** Mistakes of the driver that a user should know by name (Linux 6.12, drivers/vfio/vfio_iommu_type1.c). */

export interface KernelBug {
  readonly name: string;
  /** When it strikes. */
  readonly condition: string;
  readonly effect: string;
}

export const TOP_OF_SPACE: KernelBug = {
  name: "type1-top-of-space",
  condition: "a mapping of the container ended at 2^64-1, the last byte of the space",
  effect:
    "vfio_find_dma compares with iova + size, which is 0 there: the mapping is never found again, cannot be unmapped, " +
    "and look-ups of other mappings depend on the shape of the kernel's tree; its pages stay pinned and charged",
};
