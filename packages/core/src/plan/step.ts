/**
 * One step of a plan: a call that rebuilds a part of a recorded context, in no driver's words yet
 * (`callOf` gives them). Spaces and page tables go by their handles in the recording; whoever applies
 * the plan keeps the ids that its calls return.
 */
import type { DeviceName, HwptHandle, IoasHandle } from "../events.ts";
import type { ProfileName } from "../fact.ts";
import type { Range } from "../range.ts";
import type { Prot, Source } from "../source.ts";

/** Whose calls: one set for each kind of driver. */
export type Dialect = "iommufd" | "vfio-type1v2" | "vfio-type1" | "spapr-tce-v2" | "spapr-tce" | "virtio-iommu";

export type Step = Readonly<
  | { op: "rlimit-mode"; mode: "user" | "mm" }
  /** `bypass`: of a virtio-iommu's domain that translates nothing. */
  | { op: "space"; space: IoasHandle; kernelId: number | null; bypass?: true }
  | { op: "large-pages-off"; space: IoasHandle }
  /** The kernel's self-test alone takes ranges out of a space by hand. */
  | { op: "reserve"; space: IoasHandle; range: Range }
  | { op: "allow"; space: IoasHandle; ranges: readonly Range[] }
  | { op: "bind"; device: DeviceName; group: string | null }
  | {
      op: "page-table";
      hwpt: HwptHandle;
      space: IoasHandle;
      /** A device that uses it; null: any whose IOMMU has this page size and translates this aperture. */
      device: DeviceName | null;
      pageSize: bigint | null;
      aperture: Range | null;
      dirtyTracking: boolean;
      nestParent: boolean;
      /** A PASID is to be attached to it, or its device has PASIDs. */
      takesPasids: boolean;
    }
  /** To a page table made by the user, else to the space. */
  | {
      op: "attach";
      device: DeviceName;
      pasid: number | null;
      space: IoasHandle;
      hwpt: HwptHandle | null;
      bypass?: true;
    }
  /** A group with all its devices that the recording shows there. `group`: its number; null: not told. */
  | { op: "join"; group: string | null; devices: readonly DeviceName[]; space: IoasHandle }
  | { op: "open-device"; device: DeviceName; group: string | null; space: IoasHandle }
  /** sPAPR v1 */
  | { op: "enable"; space: IoasHandle }
  /** Regions belong to the process, and each container counts them for itself. */
  | { op: "register"; space: IoasHandle; va: bigint; length: bigint }
  /** A fresh container's own 32-bit window must be this one. */
  | { op: "default-window"; space: IoasHandle; range: Range; pageSize: bigint }
  | { op: "drop-default-window"; space: IoasHandle }
  | { op: "window"; space: IoasHandle; range: Range; pageSize: bigint }
  | { op: "map"; space: IoasHandle; range: Range; prot: Prot; source: Source }
  /** The same pages as `[from.first, ...]` of another mapping, which an earlier step made. */
  | {
      op: "copy";
      space: IoasHandle;
      range: Range;
      prot: Prot;
      source: Source;
      from: { readonly space: IoasHandle; readonly first: bigint };
    }
  | { op: "track-dirty"; hwpt: HwptHandle }
  | { op: "vfio-ioas"; space: IoasHandle }
>;

export interface Plan {
  readonly dialect: Dialect;
  readonly steps: readonly Step[];
  /** Whole sentences on what the steps leave out, or leave to who applies them. */
  readonly notes: readonly string[];
}

/** The calls for a context of this profile; null: nothing that can be called made it. */
export function dialectOf(profile: ProfileName): Dialect | null {
  switch (profile) {
    case "iommufd-vfio-compat":
      return "vfio-type1v2";
    case "kernel-trace":
    case "vfio-user":
    case "unknown":
      return null;
    default:
      return profile;
  }
}
