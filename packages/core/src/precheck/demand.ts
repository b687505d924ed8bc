/** What a layout, or a context at a version, asks of any host. */
import type { Area } from "../area.ts";
import type { GuestLayout, LayoutRange, Viommu } from "../layout/layout.ts";
import { DMA_WINDOW } from "../layout/pseries-layout.ts";
import type { Range } from "../range.ts";
import type { ContextState, Space } from "../state.ts";

/** Windows that hold BARs, which a VMM maps for peer-to-peer DMA; ECAM and interrupt controllers it does not. */
const BAR_WINDOW = /hole|mmio/;

export interface DemandRange extends Range {
  /** `ram-below-4g`; empty where the space says it all. */
  readonly name: string;
  /** Without it the guest does not run (or grow); else a host that refuses it costs peer-to-peer DMA only. */
  readonly isRequired: boolean;
  /** First byte of its source, as far as alignment goes; 0 where there is none. */
  readonly sourceStart: bigint;
}

/** One space that every device of a host must take. */
export interface DemandSpace {
  /** `ioas0`; null: the guest's memory. */
  readonly ioas: string | null;
  /** Ascending, disjoint. */
  readonly ranges: readonly DemandRange[];
  /** IOMMU_IOAS_ALLOW_IOVAS: what no attach may take away. */
  readonly allowed: readonly Range[];
  /** Addresses, lengths and sources or-ed: a bit below the page size in it is one too many. */
  readonly addressBits: bigint;
  readonly mappings: number;
}

export interface Demand {
  readonly spaces: readonly DemandSpace[];
  /** Bytes that are pinned at most; null: not known. */
  readonly lockedBytes: bigint;
  /** Of them, BARs: iommufd charges them, type1 does not. */
  readonly barBytes: bigint;
  /** Largest PASID in use; null: none is. */
  readonly pasidMax: number | null;
  readonly dirtyTracking: boolean;
  readonly viommu: Viommu | null;
  /** The machine, for remedies; null: a recorded space. */
  readonly layout: GuestLayout | null;
  /** What could not be told. */
  readonly unknown: readonly string[];
}

/** What a caller wants beside. */
export interface Needs {
  /** The guest will use PASIDs of this width. */
  readonly pasidBits?: number;
  /** The IOMMU must track dirty pages (a migration with pre-copy and no dirty log of the device). */
  readonly dirtyTracking?: boolean;
}

export function demandOfLayout(layout: GuestLayout, needs: Needs = {}): Demand {
  const { viommu, devices, barBytes, slots } = layout;
  const windows = layout.ranges.filter(({ name }) => name.startsWith(DMA_WINDOW));
  const mapped = layout.ranges.filter(({ kind, name }) => kind !== "window" || BAR_WINDOW.test(name));
  const ranges = (windows.length > 0 ? windows : mapped).map((range) => demandRange(range));
  // Behind a vIOMMU each device has a space of its own, and each pins what the guest maps in it.
  const spaces = viommu === null ? 1 : Math.max(1, devices ?? 1);
  const roms = layout.ranges.filter(({ kind }) => kind === "rom").reduce((sum, one) => sum + size(one), 0n);
  const unknown = [];
  if (viommu !== null && devices === null)
    unknown.push("how many devices are assigned (--devices): behind a vIOMMU each pins the guest's memory again");
  if (viommu !== null)
    unknown.push("the mappings that the guest will make in its vIOMMU: only boot-time memory is counted");
  return {
    spaces: [
      {
        ioas: null,
        ranges,
        allowed: [],
        addressBits: ranges
          .filter(({ isRequired }) => isRequired)
          .reduce((bits, one) => bits | one.first | (one.last + 1n), 0n),
        mappings: layout.ranges.filter(({ kind }) => kind === "ram" || kind === "rom").length + slots,
      },
    ],
    lockedBytes: (layout.maxMemoryBytes + roms + (barBytes ?? 0n)) * BigInt(spaces),
    barBytes: (barBytes ?? 0n) * BigInt(spaces),
    pasidMax: pasidMax(needs, []),
    dirtyTracking: needs.dirtyTracking ?? false,
    viommu,
    layout,
    unknown,
  };
}

/** @param spaces of `state`, alive */
export function demandOfState(state: ContextState, spaces: readonly Space[], needs: Needs = {}): Demand {
  const unknown = spaces
    .filter(({ isWhole }) => !isWhole)
    .map(({ handle }) => `what ioas${handle} held before the recording began`);
  if (state.gaps > 0) unknown.push("what happened where the recording lost events");
  const wanted = new Set(spaces.map(({ handle }) => handle));
  const pasids = [...state.attachments.values()].flatMap(({ pasid, ioas }) =>
    pasid === null || ioas === null || !wanted.has(ioas) ? [] : [pasid],
  );
  let lockedBytes = 0n;
  const demands = spaces.map((space) => {
    const areas = [...space.areas.all()];
    // A copy shares the pages of what it was made from: they are pinned once.
    for (const { iova, last, source } of areas) if (source.kind !== "copy") lockedBytes += last - iova + 1n;
    return demandSpace(space, areas);
  });
  return {
    spaces: demands,
    lockedBytes,
    barBytes: 0n,
    pasidMax: pasidMax(needs, pasids),
    dirtyTracking:
      needs.dirtyTracking ?? state.hwpts.some((hwpt) => hwpt?.dirtyTracking === true && wanted.has(hwpt.ioas)),
    viommu: null,
    layout: null,
    unknown,
  };
}

function demandSpace(space: Space, areas: readonly Area[]): DemandSpace {
  let addressBits = 0n;
  const ranges = areas.map(({ iova, last, source }): DemandRange => {
    const sourceStart = startOf(source);
    addressBits |= iova | (last + 1n) | sourceStart;
    return { first: iova as Range["first"], last: last as Range["last"], name: "", isRequired: true, sourceStart };
  });
  return { ioas: `ioas${space.handle}`, ranges, allowed: space.allowed, addressBits, mappings: areas.length };
}

function startOf(source: Area["source"]): bigint {
  switch (source.kind) {
    case "va":
    case "copy":
      return source.va;
    case "file":
    case "dmabuf":
      return source.start;
    default:
      return 0n;
  }
}

function demandRange({ first, last, kind, name }: LayoutRange): DemandRange {
  return { first, last, name, isRequired: kind !== "window" || name.startsWith(DMA_WINDOW), sourceStart: 0n };
}

function pasidMax({ pasidBits }: Needs, pasids: readonly number[]): number | null {
  const all = pasidBits === undefined || pasidBits === 0 ? pasids : [...pasids, 2 ** pasidBits - 1];
  return all.reduce<number | null>((max, pasid) => (max === null || pasid > max ? pasid : max), null);
}

function size({ first, last }: Range): bigint {
  return last - first + 1n;
}
