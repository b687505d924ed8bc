/**
 * What differs between the machines, kernels and PHBs that drivers/vfio/vfio_iommu_spapr_tce.c runs on:
 * `pseries` (an LPAR: firmware makes the windows), `powernv` (bare metal: TCE tables are memory). One row each.
 */
import { IoasisError } from "../failure.ts";

export const MACHINES = ["pseries", "powernv"] as const;
export type Machine = (typeof MACHINES)[number];

/** A host. */
export interface Platform {
  readonly machine: Machine;
  /** log2 of PAGE_SIZE: 16 or 12. */
  readonly pageShift: number;
  /** K iommu_tce_check_ioba: UNMAP checks its last page too (7.3), not only the first (6.12). */
  readonly unmapChecksLastPage: boolean;
  /** eeh_enabled: PEs have error handling. An emulated pseries PHB has none. */
  readonly hasEeh: boolean;
}

/** A partitionable endpoint, which is an IOMMU group (struct iommu_table_group). Addresses and sizes in bytes. */
export interface PeTraits {
  readonly dma32Start: bigint;
  readonly dma32Size: bigint;
  /** Page sizes as bits, as GET_INFO tells them: the kernel adds 4K. */
  readonly pageSizes: bigint;
  /** What the firmware really makes windows of. */
  readonly firmwarePageSizes: bigint;
  /** u32 of GET_INFO. */
  readonly windowsMax: number;
  readonly levelsMax: number;
  /** Where a dynamic window starts. */
  readonly dma64Start: bigint;
  /** "ibm,ddw-applicable": the firmware makes dynamic windows. */
  readonly hasDynamicWindows: boolean;
}

const DMA64_START = 1n << 59n;

const PSERIES_PE: PeTraits = {
  dma32Start: 0n,
  dma32Size: 0x400_0000n,
  pageSizes: 0x121_1000n,
  firmwarePageSizes: 0x121_1000n,
  windowsMax: 2,
  levelsMax: 1,
  dma64Start: DMA64_START,
  hasDynamicWindows: true,
};

/** pnv_pci_ioda2_setup_dma_pe, pnv_ioda_parse_tce_sizes. */
const POWERNV_PE: PeTraits = {
  ...PSERIES_PE,
  dma32Size: 0x8000_0000n,
  pageSizes: 0x4021_1000n,
  firmwarePageSizes: 0x4021_1000n,
  levelsMax: 5,
};

/** Classes of emulated PHBs of the recordings (meta.phb) that are not `PSERIES_PE`. */
const PSERIES_CLASSES: ReadonlyMap<number, Partial<PeTraits>> = new Map([
  [1, { dma32Size: 0x4000_0000n }],
  [3, { dma32Start: 0x2000_0000n }],
  [4, { pageSizes: 0x1000n, firmwarePageSizes: 0n, windowsMax: 0xffff_ffff, levelsMax: 0, hasDynamicWindows: false }],
  [9, { pageSizes: 0x1_1000n, firmwarePageSizes: 0x1_1000n }],
  [10, { pageSizes: 0x1_1000n, firmwarePageSizes: 0x1_0000n }],
  [11, { dma64Start: 0x1000_0000_0000n }],
]);

/** The PE of a PHB: `phb` is its class on pseries, its number on powernv. */
export function peTraits(machine: Machine, phb: number): PeTraits {
  return machine === "powernv" ? POWERNV_PE : { ...PSERIES_PE, ...PSERIES_CLASSES.get(phb) };
}

/** Oldest first. */
const RELEASES = [
  { release: "6.12", number: 6012, unmapChecksLastPage: false },
  { release: "7.3", number: 7003, unmapChecksLastPage: true },
] as const;

/**
 * @param release of the kernel, "6.12.107-1-powerpc64le"; the newest row that is not newer counts
 * @throws IoasisError ERR_INPUT for a kernel or a page size without a row
 */
export function platformOf(machine: Machine, release: string, pageBytes: number): Platform {
  const match = /^(\d+)\.(\d+)/.exec(release);
  const wanted = match === null ? 0 : Number(match[1]) * 1000 + Number(match[2]);
  const row = RELEASES.findLast(({ number }) => number <= wanted);
  if (row === undefined) {
    const names = RELEASES.map((known) => known.release).join(", ");
    throw new IoasisError("ERR_INPUT", `no model of kernel "${release}": name one of ${names} or newer`);
  }
  if (pageBytes !== 0x1000 && pageBytes !== 0x1_0000)
    throw new IoasisError("ERR_INPUT", `no ppc64 kernel has pages of ${pageBytes} bytes: 4096 or 65536 is expected`);
  const pageShift = pageBytes === 0x1000 ? 12 : 16;
  return {
    machine,
    pageShift,
    unmapChecksLastPage: row.unmapChecksLastPage,
    hasEeh: machine === "powernv",
  };
}
