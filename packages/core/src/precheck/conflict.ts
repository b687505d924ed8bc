/** One reason why a host does not take what is asked of it. */
import type { Errno } from "../errno.ts";
import type { Range } from "../range.ts";

/** The names of the rules; the numbers are those of the reports that they come from (docs/precheck.md). */
export const RULES = {
  width: "P1 host address width",
  viommuWidth: "P2 vIOMMU wider than the host",
  reserved: "P3 reserved range of the host",
  pageSize: "P4 page size",
  awBits: "P5 intel-iommu wider than the host",
  memlock: "P6 locked memory",
  bars: "P7 BARs in locked memory",
  mappings: "P8 number of mappings",
  msi: "P15 MSI window of the host",
  allowed: "ALLOW allowed ranges",
  pasid: "PASID",
  dirty: "DIRTY dirty tracking",
} as const;
export type Rule = (typeof RULES)[keyof typeof RULES];

/** What of the host it collides with. */
export interface Counterpart {
  readonly kind: "aperture" | "msi" | "reserved" | "direct" | "pageSizes" | "limit" | "capability";
  readonly range: Range | null;
  /** Of what has no range: `65535 mappings`. */
  readonly value: string | null;
}

export interface Conflict {
  /** What of the guest; null: all of it together. */
  readonly range: Range | null;
  /** Its name (`ram-above-4g`), or "". */
  readonly name: string;
  readonly ioas: string | null;
  readonly with: Counterpart;
  /** null: the host as a whole. */
  readonly device: string | null;
  /** What the kernel's call gives where the device was attached first and memory is mapped then. */
  readonly errno: Errno;
  readonly rule: Rule;
  readonly remedy: string;
  /** Otherwise the guest runs without peer-to-peer DMA. */
  readonly isRefusal: boolean;
}
