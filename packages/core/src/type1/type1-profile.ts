/** What differs between the two interfaces of the VFIO type1 driver; one is chosen by VFIO_SET_IOMMU. */

export interface Type1Profile {
  readonly name: "vfio-type1" | "vfio-type1v2";
  /**
   * vfio_dma_do_unmap: a range that cuts a mapping is refused. Without it the walk stops, successfully,
   * at a first mapping that begins below the range, and takes whole what begins inside.
   */
  readonly refusesBisection: boolean;
  /** vfio_iommu_type1_dirty_pages: EACCES for the other. */
  readonly tracksDirtyPages: boolean;
}

/** VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, VFIO_TYPE1_NESTING_IOMMU of include/uapi/linux/vfio.h. */
export const TYPE1_IOMMU = 1;
export const TYPE1V2_IOMMU = 3;
export const TYPE1_NESTING_IOMMU = 6;

export const VFIO_TYPE1: Type1Profile = { name: "vfio-type1", refusesBisection: false, tracksDirtyPages: false };
export const VFIO_TYPE1V2: Type1Profile = { name: "vfio-type1v2", refusesBisection: true, tracksDirtyPages: true };

/** The profile that an argument of VFIO_SET_IOMMU chooses (vfio_iommu_type1_open), or null. Nesting is v2 too. */
export function type1Profile(iommuType: number): Type1Profile | null {
  if (iommuType === TYPE1_IOMMU) return VFIO_TYPE1;
  return iommuType === TYPE1V2_IOMMU || iommuType === TYPE1_NESTING_IOMMU ? VFIO_TYPE1V2 : null;
}
