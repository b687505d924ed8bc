/** What a guest may be told of its address space, by policy. */
import { hex } from "../address.ts";
import type { JsonObject } from "../event-json.ts";
import type { Range } from "../range.ts";
import { rangeToJson } from "../value-json.ts";
import type { Constraint, PolicyRules } from "./policy.ts";

export interface GuestView {
  /** Where the guest's devices can reach; null: the policy has no layout, there is no guest. */
  readonly usable: readonly Range[] | null;
  /** Reserved regions for a virtio-iommu's PROBE (VIRTIO_IOMMU_PROBE_T_RESV_MEM): ascending, disjoint. */
  readonly constraints: readonly Constraint[];
  /** Nothing of it comes from a host. */
  readonly migratesFreely: boolean;
  /** What a person should know. */
  readonly note: string;
}

const NOTES = {
  "kernel-managed": "the kernel chooses addresses; there is no layout to show",
  fixed: "from machine type and options alone: any host that takes it can have the guest",
  "host-derived":
    "with the holes of this host's boot-time devices: free migration is given up, a destination must have no other holes",
} as const;

export function guestView({ policy, territory, migratesFreely }: PolicyRules): GuestView {
  return {
    usable: territory?.mappable ?? null,
    constraints: territory?.constraints ?? [],
    migratesFreely,
    note: NOTES[policy],
  };
}

/** Ranges as `["0xfirst","0xlast"]`, constraints with their type as a third. */
export function guestViewToJson({ usable, constraints, migratesFreely, note }: GuestView): JsonObject {
  return {
    usable: usable?.map(rangeToJson) ?? null,
    constraints: constraints.map(({ first, last, type }) => [hex(first), hex(last), type]),
    migratesFreely,
    note,
  };
}
