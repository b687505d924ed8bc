/** MAP (VIRTIO 1.3, 5.13.6.5). */
import { byteLength, iova as iovaOf, U64_MAX } from "../address.ts";
import type { IoasEvent } from "../events.ts";
import { protOf } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { MAP_MMIO, MAP_READ, MAP_WRITE, type MapRange, REQUEST_BYTES } from "./commands.ts";
import { MAP_BACKWARDS, MAP_RESERVED } from "./device-bugs.ts";
import { domainOf, endpointsIn, isBypass, touchesRegion } from "./domains.ts";
import type { Implementation, VirtioIommuEnvironment } from "./environment.ts";
import { check, done, firstFailing, type Nothing, rejected, rejection, type VirtioIommuOutcome } from "./outcome.ts";

interface Request extends MapRange {
  readonly requestBytes: number;
  readonly state: ContextState;
  readonly space: Space | null;
  readonly environment: VirtioIommuEnvironment;
}

/** MAX_MAPPINGS_PER_DOMAIN of cloud-hypervisor. */
const MAPPINGS_MAX = 1 << 20;
const FLAGS = MAP_READ | MAP_WRITE | MAP_MMIO;

const lengthOf = ({ requestBytes }: Request): number => requestBytes;
const sizeOf = ({ virtStart, virtEnd }: MapRange): bigint => virtEnd - virtStart + 1n;
const hasUnknownFlag = ({ flags }: MapRange): boolean => (flags & ~FLAGS) !== 0;
const isUnaligned = ({ virtStart, physStart, virtEnd, environment }: Request): boolean => {
  const granule = environment.pageSizeMask & -environment.pageSizeMask;
  return ((virtStart | physStart | (virtEnd + 1n)) & (granule - 1n)) !== 0n;
};

/** An assigned device of the domain whose host does not take the range (VFIO_IOMMU_MAP_DMA fails). */
const isRefusedByHost = ({ state, space, virtStart, virtEnd, environment }: Request): boolean =>
  space !== null &&
  endpointsIn(state, space.handle).some((endpoint) => {
    const ranges = environment.endpoints.get(endpoint)?.hostRanges ?? null;
    return ranges !== null && !ranges.some(({ first, last }) => first <= virtStart && virtEnd <= last);
  });

/** QEMU looks at neither page size, input range nor reserved regions, and a host that refuses is only logged. */
const CHECKS: Readonly<Record<Implementation, readonly ReturnType<typeof check<Request>>[]>> = {
  qemu: [
    check("INVAL", "virtio_iommu_iov_to_req: too short", (request) => lengthOf(request) < REQUEST_BYTES.map),
    check("INVAL", "virtio_iommu_map, 5.13.6.5: unknown flag", hasUnknownFlag),
    check("NOENT", "virtio_iommu_map, 5.13.6.5: no such domain", ({ space }) => space === null),
    check("INVAL", "virtio_iommu_map, 5.13.6.5: a bypass domain", ({ space }) => space !== null && isBypass(space)),
    check(
      "INVAL",
      "virtio_iommu_map, 5.13.6.5: something is mapped there",
      ({ space, virtStart, virtEnd }) => virtStart <= virtEnd && space?.areas.overlaps(virtStart, virtEnd) === true,
    ),
  ],
  "cloud-hypervisor": [
    check("INVAL", "Request::parse, MAP: another length", (request) => lengthOf(request) !== REQUEST_BYTES.map),
    check("INVAL", "Request::parse, MAP, 5.13.6.5: unknown flag", hasUnknownFlag),
    check(
      "RANGE",
      "Request::parse, MAP, 5.13.6: outside of input_range",
      ({ virtStart, virtEnd, environment: { inputRange } }) =>
        virtStart < inputRange.first || virtEnd > inputRange.last,
    ),
    check("NOENT", "Request::parse, MAP, 5.13.6.5: no such domain", ({ space }) => space === null),
    check("INVAL", "Request::parse, MAP, 5.13.6.5: a bypass domain", ({ space }) => space !== null && isBypass(space)),
    check(
      "RANGE",
      "Request::parse, MAP: it ends before it begins, or at 2^64-1",
      (request) =>
        request.virtEnd < request.virtStart ||
        request.physStart > U64_MAX - sizeOf(request) ||
        request.virtStart > U64_MAX - sizeOf(request),
    ),
    check("RANGE", "Request::parse, MAP, 5.13.6.5: not whole pages", isUnaligned),
    check(
      "INVAL",
      "Request::parse, MAP, 5.13.6.5: something is mapped there",
      ({ space, virtStart, virtEnd }) => space?.areas.overlaps(virtStart, virtEnd) === true,
    ),
    check(
      "NOMEM",
      "Request::parse, MAP: MAX_MAPPINGS_PER_DOMAIN",
      ({ space }) => (space?.areas.size ?? 0) >= MAPPINGS_MAX,
    ),
    check("DEVERR", "Request::parse, MAP: the host's container refuses", isRefusedByHost),
  ],
};

const BACKWARDS = rejection("INVAL", "5.13.6.5: virt_end is not below virt_start");

export function mapRange(
  state: ContextState,
  command: MapRange,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<Nothing> {
  const space = domainOf(state, command.domain);
  const { virtStart, virtEnd, physStart } = command;
  const refusal = firstFailing(CHECKS[environment.implementation], requestOf(command, state, space, environment));
  if (refusal !== null || space === null) return rejected(refusal ?? BACKWARDS, [mapRefused(command, space)]);
  if (virtEnd < virtStart) return rejected(BACKWARDS, [mapRefused(command, space)], MAP_BACKWARDS);
  const range = { first: iovaOf(virtStart), last: iovaOf(virtEnd) };
  const isReserved = touchesRegion(state, space.handle, range, environment);
  const mapped: IoasEvent = {
    type: "IovaMapped",
    ioas: space.handle,
    iova: range.first,
    last: range.last,
    prot: protIn(command),
    source: { kind: "gpa", gpa: physStart },
  };
  return done({}, [mapped], isReserved ? MAP_RESERVED : null);
}

/** Field by field: a spread of the command costs more than all the checks. */
function requestOf(
  command: MapRange,
  state: ContextState,
  space: Space | null,
  environment: VirtioIommuEnvironment,
): Request {
  const { domain, virtStart, virtEnd, physStart, flags, requestBytes = REQUEST_BYTES.map } = command;
  return { command: "MapRange", domain, virtStart, virtEnd, physStart, flags, requestBytes, state, space, environment };
}

function mapRefused(command: MapRange, space: Space | null): IoasEvent {
  const size = sizeOf(command);
  return {
    type: "MapRefused",
    ioas: space?.handle ?? null,
    iova: iovaOf(command.virtStart),
    length: byteLength(size < 0n ? 0n : size),
    prot: protIn(command),
    source: { kind: "gpa", gpa: command.physStart },
  };
}

function protIn({ flags }: MapRange) {
  return protOf((flags & MAP_READ) !== 0, (flags & MAP_WRITE) !== 0);
}
