/** IOMMU_IOAS_MAP_FILE and IOMMU_IOAS_CHANGE_PROCESS (ioas.c), of kernels that have them. */
import { byteLength, type Iova, iova, U64_MAX } from "../address.ts";
import { MAP_FIXED_IOVA, MAP_READABLE, MAP_WRITEABLE } from "../commands.ts";
import type { ChangeProcess, MapFile } from "../device-commands.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { KernelProfile } from "../profile/kernel-profile.ts";
import { protOf } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { type Buffer, LENGTH, MAP_REQUEST } from "./map-iova.ts";
import { ioasOf, NO_IOAS } from "./objects.ts";
import { accepted, callRefused, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";
import { placeAreas } from "./place-areas.ts";

const NO_CALL: Refusal = { errno: "ENOTTY", rule: "iommufd_fops_ioctl: this kernel has no such call" };
const NO_FILE: Refusal = { errno: "EBADF", rule: "iopt_map_file_pages: the descriptor is not open" };

/** Looked at before the descriptor; the range may end at 2^64. */
const FILE_RANGE = [
  guard<Buffer>("EINVAL", "iopt_map_file_pages: no length", ({ length }) => length === 0n),
  guard<Buffer>(
    "EOVERFLOW",
    "iopt_map_file_pages: the range in the file wraps",
    ({ start, length }) => start + length - 1n > U64_MAX,
  ),
];

export function mapFile(
  state: ContextState,
  command: MapFile,
  profile: KernelProfile,
  environment: Environment,
): Outcome<{ readonly iova: Iova }> {
  const space = ioasOf(state, command.ioasId);
  const refuse = (refusal: Refusal) => refused(refusal, [fileMapRefused(command, space)]);
  if (!profile.hasFileMaps) return refuse(NO_CALL);
  const asked = firstFailing(MAP_REQUEST, command);
  if (asked !== null) return refuse(asked);
  if (space === null) return refuse(NO_IOAS);
  const { fd, start, length, flags } = command;
  const buffer = { start, length, pageSize: environment.pageSize };
  const range = firstFailing(FILE_RANGE, buffer);
  if (range !== null) return refuse(range);
  if (fd === null) return refuse(NO_FILE);
  const tooLong = firstFailing([LENGTH], buffer);
  if (tooLong !== null) return refuse(tooLong);
  const isWritable = (flags & MAP_WRITEABLE) !== 0;
  const prot = protOf((flags & MAP_READABLE) !== 0, isWritable);
  const pieces = [{ length, source: { kind: "file", fd, start }, isWritable, map: null }] as const;
  const placed = placeAreas(state, { space, flags, iova: command.iova, prot, pieces }, environment);
  return "errno" in placed ? refuse(placed) : accepted({ iova: placed.iova }, placed.events);
}

/** The event of a MAP_FILE that is refused, by the kernel or by a policy. */
export function fileMapRefused({ flags, iova: asked, length, fd, start }: MapFile, space: Space | null): IoasEvent {
  return {
    type: "MapRefused",
    ioas: space?.handle ?? null,
    iova: (flags & MAP_FIXED_IOVA) === 0 ? null : iova(asked),
    length: byteLength(length),
    prot: protOf((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0),
    source: fd === null ? { kind: "unknown" } : { kind: "file", fd, start },
  };
}

const PROCESS_REQUEST = guard<ChangeProcess>(
  "EOPNOTSUPP",
  "iommufd_ioas_change_process: reserved field",
  ({ reserved }) => (reserved ?? 0) !== 0,
);
const USER_MEMORY: Refusal = { errno: "EINVAL", rule: "iommufd_ioas_change_process: an area is user memory" };

/** The new process takes over all mappings, which must all be of files. */
export function changeProcess(
  state: ContextState,
  command: ChangeProcess,
  profile: KernelProfile,
): Outcome<Readonly<Record<never, never>>> {
  const refuse = (refusal: Refusal) => callRefused("IOMMU_IOAS_CHANGE_PROCESS", refusal);
  if (!profile.hasFileMaps) return refuse(NO_CALL);
  const asked = firstFailing([PROCESS_REQUEST], command);
  if (asked !== null) return refuse(asked);
  for (const { areas } of state.liveSpaces)
    for (const { source } of areas.all()) if (source.kind !== "file") return refuse(USER_MEMORY);
  return accepted({}, []);
}
