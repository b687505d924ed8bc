/** VFIO_IOMMU_MAP_DMA on an iommufd (vfio_compat.c: iommufd_vfio_map_dma): always at the iova asked for. */
import { byteLength, iova } from "../address.ts";
import { MAP_FIXED_IOVA } from "../commands.ts";
import { LENGTH, WRAP } from "../decide/map-iova.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "../decide/outcome.ts";
import { placeAreas } from "../decide/place-areas.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { protOf } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import type { MapDma } from "../type1/commands.ts";
import { compatSpaceOf, NO_SPACE } from "./container-calls.ts";

/** struct vfio_iommu_type1_dma_map up to `size`. */
const ARG_BYTES_MIN = 32;
const READ = 1;
const WRITE = 2;

const REQUEST = [
  guard<MapDma>("EFAULT", "iommufd_vfio_map_dma: bad pointer", ({ hasBadPointer }) => hasBadPointer === true),
  guard<MapDma>(
    "EINVAL",
    "iommufd_vfio_map_dma: argsz too small, or an unknown flag",
    ({ argBytes, flags }) => (argBytes ?? ARG_BYTES_MIN) < ARG_BYTES_MIN || (flags & ~(READ | WRITE)) !== 0,
  ),
];

/** A mapping that permits nothing is made: only iommufd's own MAP asks for a permission. */
export function mapDma(
  state: ContextState,
  command: MapDma,
  profile: KernelProfile,
  environment: Environment,
): Outcome<Readonly<Record<never, never>>> {
  const space = compatSpaceOf(state);
  const refuse = (refusal: Refusal) => refused(refusal, [mapRefused(command, space)]);
  const asked = firstFailing(REQUEST, command);
  if (asked !== null) return refuse(asked);
  if (space === null) return refuse(NO_SPACE);
  const { flags, userVa, size } = command;
  const order = profile.checksWrapBeforeLength ? [WRAP, LENGTH] : [LENGTH, WRAP];
  const buffer = firstFailing(order, { start: userVa, length: size, pageSize: environment.pageSize });
  if (buffer !== null) return refuse(buffer);
  const isWritable = (flags & WRITE) !== 0;
  const prot = protOf((flags & READ) !== 0, isWritable);
  const pieces = [{ length: size, source: { kind: "va", va: userVa }, isWritable, map: null }] as const;
  const placed = placeAreas(state, { space, flags: MAP_FIXED_IOVA, iova: command.iova, prot, pieces }, environment);
  return "errno" in placed ? refuse(placed) : accepted({}, placed.events);
}

function mapRefused({ flags, iova: at, size, userVa }: MapDma, space: Space | null): IoasEvent {
  return {
    type: "MapRefused",
    ioas: space?.handle ?? null,
    iova: iova(at),
    length: byteLength(size),
    prot: protOf((flags & READ) !== 0, (flags & WRITE) !== 0),
    source: { kind: "va", va: userVa },
  };
}
