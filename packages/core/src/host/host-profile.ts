/** What of a host decides whether a guest's address space fits: its devices, their IOMMUs, its limits. */
import { hex } from "../address.ts";
import { IoasisError } from "../failure.ts";
import { overlaps, type Range } from "../range.ts";

/** Names that the kernel prints (iommu_group_resv_type_string). */
export const REGION_TYPES = ["direct", "direct-relaxable", "reserved", "msi"] as const;
export type RegionType = (typeof REGION_TYPES)[number];

export interface ReservedRegion extends Range {
  readonly type: RegionType;
}

/** Everywhere null: not told. Nothing is put in its place. */
export interface HostDevice {
  readonly bdf: string;
  /** Number of its IOMMU group. */
  readonly group: number | null;
  readonly reserved: readonly ReservedRegion[] | null;
  /** IOVAs that its IOMMU translates. */
  readonly aperture: Range | null;
  /** Bit n: pages of 2^n bytes. */
  readonly pageSizes: bigint | null;
  /** Width of the PASIDs that it may use; 0: none. */
  readonly pasidBits: number | null;
  readonly dirtyTracking: boolean | null;
}

/** Notes on one host; a person reads no more. */
const NOTES_MAX = 20;

export interface HostLimits {
  /** RLIMIT_MEMLOCK of the VMM, bytes. */
  readonly memlockBytes: bigint | "unlimited" | null;
  /** Mappings of one space (dma_entry_limit of vfio_iommu_type1; iommufd has none). */
  readonly mappingsMax: number | "unlimited" | null;
}

export interface HostProfile {
  readonly host: string;
  readonly devices: readonly HostDevice[];
  readonly limits: HostLimits;
  /** What is null, and why. */
  readonly unknown: readonly string[];
}

/**
 * @throws IoasisError ERR_INPUT for a host without devices, or a device that reserves one thing twice
 *   (the kernel joins ranges of one type: iommu_insert_resv_region)
 */
export function checkHost({ host, devices }: HostProfile): void {
  if (devices.length === 0)
    throw new IoasisError(
      "ERR_INPUT",
      `host ${host} has no devices: nothing can be checked; take its profile with its IOMMU switched on (ioasis host)`,
      { host },
    );
  const seen = new Set<string>();
  for (const { bdf, reserved } of devices) {
    if (seen.has(bdf))
      throw new IoasisError("ERR_INPUT", `host ${host}: device ${bdf} is there twice: keep one`, { host, device: bdf });
    seen.add(bdf);
    for (const [a, b] of overlappingPairs(reserved ?? []))
      if (a.type === b.type)
        throw new IoasisError(
          "ERR_INPUT",
          `host ${host}: device ${bdf} reserves ${a.type} ${words(a)} and ${words(b)}, which overlap: join them into one`,
          { host, device: bdf },
        );
  }
}

/** Reserved ranges of a host that overlap without being the same: kernels show such, and a slip in a profile looks alike. */
export function overlapNotes({ devices }: HostProfile): string[] {
  const owners = new Map<string, { readonly region: ReservedRegion; readonly device: string; count: number }>();
  for (const { bdf, reserved } of devices)
    for (const region of reserved ?? []) {
      const key = `${region.type} ${words(region)}`;
      const known = owners.get(key);
      if (known === undefined) owners.set(key, { region, device: bdf, count: 1 });
      else known.count += 1;
    }
  const named = new Map([...owners.values()].map((owner) => [owner.region, owner]));
  return overlappingPairs([...named.keys()])
    .slice(0, NOTES_MAX)
    .map(([a, b]) => {
      const of = (region: ReservedRegion): string => {
        const owner = named.get(region);
        const others = owner !== undefined && owner.count > 1 ? ` and ${owner.count - 1} more` : "";
        return `${region.type} ${words(region)} of ${owner?.device}${others}`;
      };
      return `${of(a)} overlaps ${of(b)}: each holds by itself; if one is a mistake, correct the profile`;
    });
}

/** Pairs of ranges that share a byte, in order of address. */
function overlappingPairs(regions: readonly ReservedRegion[]): [ReservedRegion, ReservedRegion][] {
  const sorted = [...regions].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  return sorted.flatMap((region, i): [ReservedRegion, ReservedRegion][] => {
    const pairs: [ReservedRegion, ReservedRegion][] = [];
    for (let next = i + 1; next < sorted.length; next++) {
      const other = sorted[next] as ReservedRegion;
      if (!overlaps(region, other)) break;
      pairs.push([region, other]);
    }
    return pairs;
  });
}

function words({ first, last }: Range): string {
  return `${hex(first)}-${hex(last)}`;
}
