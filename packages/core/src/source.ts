/**
 * What a mapping points to, as far as its recording tells.
 *
 * Only `gpa` and `file` mean something on another host; a user address (`va`) belongs to one
 * process and `paddr` to one machine.
 */
import type { Iova } from "./address.ts";

/** One physically contiguous piece of a mapping: bus address, physical address, bytes. */
export interface Run {
  readonly iova: Iova;
  readonly paddr: bigint;
  readonly length: bigint;
}

export type Source =
  | { readonly kind: "unknown"; readonly runs?: readonly Run[] }
  | { readonly kind: "va"; readonly va: bigint; readonly runs?: readonly Run[] }
  /** `start`: byte offset in the file. */
  | {
      readonly kind: "file";
      readonly fd: number;
      readonly start: bigint;
      /** Of a copy: the original MAP_FILE asked for WRITEABLE, whatever this mapping asks for. */
      readonly writable?: true;
      readonly runs?: readonly Run[];
    }
  | { readonly kind: "dmabuf"; readonly fd: number; readonly start: bigint; readonly runs?: readonly Run[] }
  /** Guest-physical address: the source is a virtual IOMMU. */
  | { readonly kind: "gpa"; readonly gpa: bigint; readonly runs?: readonly Run[] }
  /** The first byte's physical address; `runs` only where the mapping has more than one. */
  | { readonly kind: "paddr"; readonly paddr: bigint; readonly runs?: readonly Run[] }
  /**
   * Shares the pages of another mapping (IOMMU_IOAS_COPY). `va`: the user address of the first
   * byte of the pages; `writable`: whether the original MAP asked for WRITEABLE, which decides
   * what any later copy may ask for.
   */
  | { readonly kind: "copy"; readonly va: bigint; readonly writable: boolean; readonly runs?: readonly Run[] };

export type SourceKind = Source["kind"];

/** Position = code on disk; add at the end only. */
export const SOURCE_KINDS = [
  "unknown",
  "va",
  "file",
  "dmabuf",
  "gpa",
  "paddr",
  "copy",
] as const satisfies readonly SourceKind[];

export const UNKNOWN_SOURCE: Source = { kind: "unknown" };

/** Position = code on disk: bit 0 read, bit 1 write, 0 = the source does not say. */
export const PROTS = ["unknown", "r", "w", "rw"] as const;
export type Prot = (typeof PROTS)[number];

export function protOf(readable: boolean, writable: boolean): Prot {
  return PROTS[(readable ? 1 : 0) | (writable ? 2 : 0)] as Prot;
}
