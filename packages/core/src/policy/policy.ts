/**
 * Who chooses where mappings go. The design discussion of 2021 named three ways and asked that the interface favour
 * none (K. Tian, linux-iommu, 27 October 2021); a context is held to one of them, or to none.
 */
import type { Guard } from "../decide/outcome.ts";
import type { ProfileName } from "../fact.ts";
import type { HostProfile } from "../host/host-profile.ts";
import type { GuestLayout } from "../layout/layout.ts";
import type { Range } from "../range.ts";
import type { Move } from "./boot-layout.ts";

export const POLICIES = ["kernel-managed", "fixed", "host-derived"] as const;
export type Policy = (typeof POLICIES)[number];

/** What a context is given when it is made, and all that its policy ever knows beside the state. */
export interface PolicySetup {
  readonly policy: Policy;
  readonly profile: ProfileName;
  readonly layout: GuestLayout | null;
  /** The first is the machine as it boots; further ones hold devices that are plugged in later. */
  readonly hosts: readonly HostProfile[];
}

/** What a guest is told not to use: VIRTIO_IOMMU_RESV_MEM_T_RESERVED and _MSI (virtio 1.2, 5.13.6.8.2). */
export interface Constraint extends Range {
  readonly type: "RESERVED" | "MSI";
}

/** Where a context may map, by its policy. Ascending, disjoint. */
export interface Territory {
  /** What every attach must leave alone, mapped already or not (as IOMMU_IOAS_ALLOW_IOVAS insists on it). */
  readonly claimed: readonly Range[];
  /** What MAP takes: the claimed ranges, and those where a mapping may fail (peer-to-peer). */
  readonly mappable: readonly Range[];
  /** What the guest is told. */
  readonly constraints: readonly Constraint[];
  /** Alignment that the guest is told, bytes. */
  readonly alignment: bigint;
}

/** A MAP or COPY as a policy sees it; `last` null: no range (no length, or it wraps), which the kernel refuses. */
export interface Placement {
  readonly isFixed: boolean;
  readonly first: bigint;
  readonly last: bigint | null;
  readonly territory: Territory | null;
}

export interface PolicyRules {
  readonly policy: Policy;
  readonly profile: ProfileName;
  /** Null: anywhere. */
  readonly territory: Territory | null;
  /** Asked of every MAP, MAP_FILE and COPY before the kernel's rules of placement. */
  readonly placement: readonly Guard<Placement>[];
  /** Whether the allowed list of a space is the policy's, so that no call changes it. */
  readonly ownsAllowedList: boolean;
  /** Whether IOVA_RANGES answers from the layout instead of the host. */
  readonly answersFromLayout: boolean;
  /** What the guest sees depends on no host, so that any host that takes it can have it. */
  readonly migratesFreely: boolean;
  /** The guest's memory as it is placed; null: no layout. */
  readonly layout: GuestLayout | null;
  /** host-derived: what could not stay where the machine type puts it. */
  readonly moves: readonly Move[];
}
