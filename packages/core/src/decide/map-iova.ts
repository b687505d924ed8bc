/** IOMMU_IOAS_MAP (ioas.c: iommufd_ioas_map). */
import { byteLength, type Iova, iova, U64_MAX } from "../address.ts";
import { MAP_FIXED_IOVA, MAP_READABLE, MAP_WRITEABLE, type MapIova } from "../commands.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { protOf } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";
import { placeAreas } from "./place-areas.ts";

export const MAP_FLAGS = MAP_FIXED_IOVA | MAP_WRITEABLE | MAP_READABLE;

/** What MAP and MAP_FILE ask alike. */
type MapRequest = Pick<MapIova, "flags" | "reserved" | "iova" | "length">;

export const MAP_REQUEST = [
  guard<MapRequest>(
    "EOPNOTSUPP",
    "iommufd_ioas_map: unknown flag or reserved field",
    ({ flags, reserved }) => (flags & ~MAP_FLAGS) !== 0 || (reserved ?? 0) !== 0,
  ),
  guard<MapRequest>(
    "EOVERFLOW",
    "iommufd_ioas_map: iova or length is U64_MAX, fixed or not",
    ({ iova: at, length }) => at >= U64_MAX || length >= U64_MAX,
  ),
  guard<MapRequest>(
    "EINVAL",
    "iommufd_ioas_map: neither READABLE nor WRITEABLE",
    ({ flags }) => (flags & (MAP_WRITEABLE | MAP_READABLE)) === 0,
  ),
];

/** What is mapped: its start is a user address or an offset in a file. */
export interface Buffer {
  readonly start: bigint;
  readonly length: bigint;
  readonly pageSize: bigint;
}

export const LENGTH = guard<Buffer>(
  "EINVAL",
  "iopt_alloc_pages: no length, or within a page of all there is",
  (buffer) => buffer.length === 0n || buffer.length > U64_MAX - buffer.pageSize,
);
export const WRAP = guard<Buffer>(
  "EOVERFLOW",
  "iopt_alloc_user_pages: start + length wraps",
  ({ start, length }) => start + length > U64_MAX,
);

export function mapIova(
  state: ContextState,
  command: MapIova,
  profile: KernelProfile,
  environment: Environment,
): Outcome<{ readonly iova: Iova }> {
  const space = ioasOf(state, command.ioasId);
  const refuse = (refusal: Refusal) => refused(refusal, [mapRefused(command, space)]);
  const asked = firstFailing(MAP_REQUEST, command);
  if (asked !== null) return refuse(asked);
  if (space === null) return refuse(NO_IOAS);
  const { userVa, length, flags } = command;
  const order = profile.checksWrapBeforeLength ? [WRAP, LENGTH] : [LENGTH, WRAP];
  const buffer = firstFailing(order, { start: userVa, length, pageSize: environment.pageSize });
  if (buffer !== null) return refuse(buffer);
  const isWritable = (flags & MAP_WRITEABLE) !== 0;
  const prot = protOf((flags & MAP_READABLE) !== 0, isWritable);
  const pieces = [{ length, source: { kind: "va", va: userVa }, isWritable, map: null }] as const;
  const placed = placeAreas(state, { space, flags, iova: command.iova, prot, pieces }, environment);
  return "errno" in placed ? refuse(placed) : accepted({ iova: placed.iova }, placed.events);
}

/** The event of a MAP that is refused, by the kernel or by a policy. */
export function mapRefused({ flags, iova: asked, length, userVa }: MapIova, space: Space | null): IoasEvent {
  return {
    type: "MapRefused",
    ioas: space?.handle ?? null,
    iova: (flags & MAP_FIXED_IOVA) === 0 ? null : iova(asked),
    length: byteLength(length),
    prot: protOf((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0),
    source: { kind: "va", va: userVa },
  };
}
