/** One life of a container or iommufd, as the calls of a recording show it: one context of a history. */
import { AreaTable, type Errno, type Iova, type ObservedEvent, type ProfileName } from "@ioasis/core";
import type { Origin } from "./origin.ts";

export interface HeldFact {
  readonly event: ObservedEvent;
  readonly origin: Origin;
  readonly errno: Errno | null;
}

export class CallContext {
  /** Stable within the file; the pointers of the dead are reused, so a later life has `#2` and so on. */
  key: string;
  /** Null: not told yet (no SET_IOMMU so far); what happens before is held back. */
  profile: ProfileName | null;
  held: HeldFact[] = [];
  /** Something was emitted for it. */
  isOpen = false;
  /** It has an address space: its allocation was seen, or it was there before the recording. */
  hasSpace = false;
  /** Devices by group (or by file of the device), as far as the source names them. */
  readonly groups = new Map<string, Set<string>>();
  readonly #areas = new AreaTable();

  constructor(key: string, profile: ProfileName | null) {
    this.key = key;
    this.profile = profile;
  }

  /** Type1 v1 removes whole mappings that an unmap only begins to cover, so they must be known. */
  noteMapped(first: bigint, last: bigint): void {
    if (this.profile !== "vfio-type1") return;
    if (this.#areas.overlaps(first, last)) this.#areas.remove(first, last);
    this.#areas.insert(first as Iova, last as Iova, 0, 0n, -1, null, 0);
  }

  noteUnmapped(first: bigint, last: bigint): void {
    if (this.profile === "vfio-type1") this.#areas.remove(first, last);
  }

  /** Last byte of the mapping that holds `address`; v1 only. */
  endOfMappingAt(address: bigint): bigint | null {
    return this.#areas.at(address)?.last ?? null;
  }
}
