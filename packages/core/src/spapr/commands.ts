/**
 * The calls on VFIO's container and group files, as the kernel receives them (include/uapi/linux/vfio.h).
 * Objects by handle. Arguments may be nonsense.
 */
import type { PeNumber } from "./environment.ts";

/** How the argument struct arrived; left out: complete and readable. */
interface Argument {
  /** Its argsz field. */
  readonly argBytes?: number;
  readonly hasBadPointer?: boolean;
}

interface OnContainer {
  readonly container: number;
  /** The caller is another process than the one that the container belongs to. */
  readonly isOtherProcess?: boolean;
}

export interface MapDma extends OnContainer, Argument {
  readonly command: "MapDma";
  readonly iova: bigint;
  readonly userVa: bigint;
  readonly size: bigint;
  readonly flags: number;
}

export interface UnmapDma extends OnContainer, Argument {
  readonly command: "UnmapDma";
  readonly iova: bigint;
  readonly size: bigint;
  readonly flags: number;
}

/** Of VFIO_IOMMU_SPAPR_REGISTER_MEMORY and VFIO_IOMMU_SPAPR_UNREGISTER_MEMORY. */
export interface MemoryRange extends OnContainer, Argument {
  readonly userVa: bigint;
  readonly size: bigint;
  readonly flags: number;
}

export interface RegisterMemory extends MemoryRange {
  readonly command: "RegisterMemory";
}

export interface UnregisterMemory extends MemoryRange {
  readonly command: "UnregisterMemory";
}

export interface CreateWindow extends OnContainer, Argument {
  readonly command: "CreateWindow";
  readonly pageShift: number;
  readonly size: bigint;
  readonly levels: number;
  readonly flags: number;
}

export interface RemoveWindow extends OnContainer, Argument {
  readonly command: "RemoveWindow";
  readonly start: bigint;
  readonly flags: number;
}

export interface QueryTceInfo extends OnContainer, Argument {
  readonly command: "QueryTceInfo";
}

/** A call without an argument, or one whose argument nothing depends on. */
export interface PlainCall<Name extends string> extends OnContainer {
  readonly command: Name;
}

export type SpaprCommand =
  | MapDma
  | UnmapDma
  | RegisterMemory
  | UnregisterMemory
  | CreateWindow
  | RemoveWindow
  | QueryTceInfo
  | PlainCall<"Enable">
  | PlainCall<"Disable">
  | PlainCall<"QueryApiVersion">
  | PlainCall<"UseEeh">
  | PlainCall<"UnknownCall">
  | (OnContainer & { readonly command: "CheckExtension"; readonly extension: number })
  | (OnContainer & { readonly command: "SetIommu"; readonly iommuType: number })
  | { readonly command: "OpenContainer" }
  | { readonly command: "CloseContainer"; readonly container: number }
  | { readonly command: "OpenGroup"; readonly pe: PeNumber }
  | { readonly command: "QueryGroupStatus"; readonly group: number }
  | { readonly command: "SetContainer"; readonly group: number; readonly container: number }
  | { readonly command: "UnsetContainer"; readonly group: number }
  | { readonly command: "OpenDevice"; readonly group: number }
  | { readonly command: "CloseDevice"; readonly device: number };

export type CommandOf<Name extends SpaprCommand["command"]> = Extract<SpaprCommand, { readonly command: Name }>;
