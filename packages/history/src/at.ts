/** `at`: the whole state at a version. */
import { spaceDigest } from "@ioasis/codec";
import { type ClockJson, type ContextState, hex, holes, type Range, type Space } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import { type AreaJson, areaToJson, ioasName } from "./area-json.ts";
import { indexOf } from "./context-index.ts";
import { contextNotes } from "./context-notes.ts";
import { type DeviceJson, devicesIn } from "./device-json.ts";
import { markAt } from "./event-mark.ts";
import { type Narrowing, spacesOf } from "./narrowing.ts";

export type RangeJson = readonly [string, string];

export interface SpaceJson {
  readonly ioas: string;
  /** The kernel's number, null where the source names none. */
  readonly kernelId: number | null;
  /** Bytes, as hex; null: not told. */
  readonly alignment: string | null;
  /** Usable IOVAs (IOMMU_IOAS_IOVA_RANGES, or the windows of sPAPR); null: not told. */
  readonly ranges: readonly RangeJson[] | null;
  /** Empty: everything; null: not told. */
  readonly allowed: readonly RangeJson[] | null;
  readonly areas: readonly AreaJson[];
}

export interface AtAnswer {
  readonly context: string;
  readonly version: number;
  /** Of the event that made the version. */
  readonly time: string | null;
  readonly clock: ClockJson | null;
  readonly digest: string;
  readonly spaceDigest: string;
  readonly spaces: readonly SpaceJson[];
  readonly devices: readonly DeviceJson[];
  readonly notes: readonly string[];
}

const PAGE_SIZE = 4096n;

/**
 * The living spaces at `version`, narrowed. The digests are those of the whole context.
 * @throws IoasisError ERR_USAGE as `spacesOf`, ERR_VERSION, ERR_DAMAGED
 */
export function stateAt(journal: Journal, context: string, version: number, narrowing: Narrowing = {}): AtAnswer {
  const index = indexOf(journal, context);
  const state = index.stateAt(version);
  const spaces = spacesOf(state, narrowing);
  const { time, clock } = markAt(index, version);
  return {
    context,
    version,
    time,
    clock,
    digest: journal.digest(context, version),
    spaceDigest: spaceDigest(state),
    spaces: state.liveSpaces
      .filter(({ handle }) => spaces === null || spaces.has(handle))
      .map((space) => spaceToJson(state, space)),
    devices: devicesIn(state, spaces),
    notes: contextNotes(state, spaces),
  };
}

function spaceToJson(state: ContextState, space: Space): SpaceJson {
  const { handle, kernelId, isWhole, reservations, allowed, windows, areas } = space;
  const usable = windows.length > 0 ? windows : isWhole || reservations.length > 0 ? holes(reservations) : null;
  const alignment = alignmentOf(state, space);
  return {
    ioas: ioasName(handle),
    kernelId,
    alignment: alignment === null ? null : hex(alignment),
    ranges: usable === null ? null : usable.map(rangeToJson),
    allowed: isWhole || allowed.length > 0 ? allowed.map(rangeToJson) : null,
    areas: Array.from(areas.all(), (area) => areaToJson(area, handle)),
  };
}

/** The strictest of whoever uses the space (iopt_calculate_iova_alignment); null: the record does not tell. */
function alignmentOf(state: ContextState, space: Space): bigint | null {
  const users: bigint[] = space.windows.map(({ pageSize }) => pageSize);
  for (const hwpt of state.hwpts)
    if (hwpt !== undefined && hwpt.ioas === space.handle && hwpt.pageSize !== null) users.push(hwpt.pageSize);
  for (const { ioas, pins } of state.accesses.values()) if (pins && ioas === space.handle) users.push(PAGE_SIZE);
  if (!space.largePages) users.push(PAGE_SIZE);
  if (users.length === 0) return space.isWhole ? 1n : null;
  return users.toSorted((a, b) => (a < b ? 1 : -1))[0] ?? null;
}

function rangeToJson({ first, last }: Range): RangeJson {
  return [hex(first), hex(last)];
}
