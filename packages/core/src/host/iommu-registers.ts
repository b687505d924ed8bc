/** Capability registers that IOMMU drivers show in sysfs, and what follows from them alone. */
import type { Iova } from "../address.ts";
import type { Range } from "../range.ts";

export interface IommuTraits {
  readonly aperture: Range | null;
  readonly pageSizes: bigint | null;
  readonly pasidBits: number | null;
  readonly dirtyTracking: boolean | null;
}

export const UNTOLD: IommuTraits = { aperture: null, pageSizes: null, pasidBits: null, dirtyTracking: null };

/** Widths by bit of SAGAW (agaw_to_width, drivers/iommu/intel/iommu.c). */
const WIDTHS = [30, 39, 48, 57];

/**
 * VT-d: CAP_REG and ECAP_REG (drivers/iommu/intel/iommu.h). Second-level tables are as wide as the
 * register says (paging_domain_alloc). Where the hardware can do first-level tables too, the kernel's
 * release and options choose, and the width is not told.
 */
export function intelTraits(cap: bigint, ecap: bigint): IommuTraits {
  const hasScalableMode = bit(ecap, 43);
  const choosesTables = hasScalableMode && bit(ecap, 47);
  const width = WIDTHS.findLast((_, i) => bit(cap, 8 + i));
  const mgaw = Number((cap >> 16n) & 0x3fn) + 1;
  const bits = width === undefined ? null : Math.min(width, mgaw);
  return {
    aperture: choosesTables || bits === null ? null : { first: 0n as Iova, last: ((1n << BigInt(bits)) - 1n) as Iova },
    // domain_super_pgsize_bitmap: 4 KiB, and 2 MiB and 1 GiB by SLLPS.
    pageSizes: choosesTables ? null : 0x1000n | (bit(cap, 34) ? 1n << 21n : 0n) | (bit(cap, 35) ? 1n << 30n : 0n),
    // pasid_supported: beyond that the device decides.
    pasidBits: hasScalableMode && bit(ecap, 40) ? null : 0,
    // ssads_supported: with both bits the kernel's options decide.
    dirtyTracking: hasScalableMode && bit(ecap, 45) ? null : false,
  };
}

/** AMD: the extended feature register. Whether tables are v1 (64 bits) or v2 is an option of the kernel's. */
export function amdTraits(features: bigint): IommuTraits {
  return {
    ...UNTOLD,
    // FEATURE_GT: beyond that the device decides. amd_iommu_hd_support: FEATURE_HDSUP.
    pasidBits: bit(features, 4) ? null : 0,
    dirtyTracking: bit(features, 52),
  };
}

function bit(register: bigint, index: number): boolean {
  return ((register >> BigInt(index)) & 1n) === 1n;
}
