/** UNMAP (VIRTIO 1.3, 5.13.6.6): takes whole mappings, and is content with none. */
import { type ByteLength, byteLength, type Iova, iova as iovaOf, U64_MAX } from "../address.ts";
import { wholeAreas } from "../decide/unmap-iova.ts";
import type { IoasEvent } from "../events.ts";
import type { ContextState, Space } from "../state.ts";
import { REQUEST_BYTES, type UnmapRange } from "./commands.ts";
import { UNMAP_ORDER } from "./device-bugs.ts";
import { domainOf, isBypass } from "./domains.ts";
import type { Implementation, VirtioIommuEnvironment } from "./environment.ts";
import { check, done, firstFailing, rejected, rejection, type VirtioIommuOutcome } from "./outcome.ts";

interface Request extends UnmapRange {
  readonly requestBytes: number;
  readonly space: Space | null;
  readonly environment: VirtioIommuEnvironment;
}

const lengthOf = ({ requestBytes }: Request): number => requestBytes;

const CHECKS: Readonly<Record<Implementation, readonly ReturnType<typeof check<Request>>[]>> = {
  qemu: [
    check("INVAL", "virtio_iommu_iov_to_req: too short", (request) => lengthOf(request) < REQUEST_BYTES.unmap),
    check("NOENT", "virtio_iommu_unmap, 5.13.6.6: no such domain", ({ space }) => space === null),
    check("INVAL", "virtio_iommu_unmap, 5.13.6.6: a bypass domain", ({ space }) => space !== null && isBypass(space)),
    check(
      "RANGE",
      "virtio_iommu_unmap: it ends before it begins, inside one mapping",
      ({ space, virtStart, virtEnd }) => virtEnd < virtStart && (space?.areas.covers(virtEnd, virtStart) ?? false),
    ),
  ],
  "cloud-hypervisor": [
    check("INVAL", "Request::parse, UNMAP: another length", (request) => lengthOf(request) !== REQUEST_BYTES.unmap),
    check(
      "RANGE",
      "Request::parse, UNMAP, 5.13.6: outside of input_range",
      ({ virtStart, virtEnd, environment: { inputRange } }) =>
        virtStart < inputRange.first || virtEnd > inputRange.last,
    ),
    check("NOENT", "Request::parse, UNMAP, 5.13.6.6: no such domain", ({ space }) => space === null),
    check(
      "INVAL",
      "Request::parse, UNMAP, 5.13.6.6: a bypass domain",
      ({ space }) => space !== null && isBypass(space),
    ),
    check(
      "RANGE",
      "Request::parse, UNMAP: it ends before it begins, or is all 2^64 bytes",
      ({ virtStart, virtEnd }) => virtEnd < virtStart || virtEnd - virtStart === U64_MAX,
    ),
    check(
      "RANGE",
      "Request::parse, UNMAP, 5.13.6.6: it cuts a mapping",
      ({ space, virtStart, virtEnd }) => space !== null && isCut(space, virtStart, virtEnd),
    ),
  ],
};

const CUT = rejection("RANGE", "virtio_iommu_unmap, 5.13.6.6: it cuts a mapping");

/** `bytes`: how many were mapped there; the device does not tell. */
export function unmapRange(
  state: ContextState,
  command: UnmapRange,
  environment: VirtioIommuEnvironment,
): VirtioIommuOutcome<{ readonly bytes: ByteLength }> {
  const space = domainOf(state, command.domain);
  const { virtStart, virtEnd } = command;
  const refusal = firstFailing(CHECKS[environment.implementation], {
    command: "UnmapRange",
    domain: command.domain,
    virtStart,
    virtEnd,
    requestBytes: command.requestBytes ?? REQUEST_BYTES.unmap,
    space,
    environment,
  });
  if (refusal !== null || space === null) return rejected(refusal ?? CUT, [unmapRefused(command, space)]);
  if (virtEnd < virtStart) return done({ bytes: byteLength(0n) });
  const { bytes, isStopped } = wholeAreas(space, virtStart, virtEnd);
  if (isStopped) return cutting(space, command);
  return done({ bytes: byteLength(bytes) }, bytes === 0n ? [] : [unmapped(space, virtStart, virtEnd, bytes)]);
}

/** QEMU removes what it meets until it meets a mapping that sticks out. */
function cutting(space: Space, command: UnmapRange): VirtioIommuOutcome<never> {
  const { virtStart, virtEnd } = command;
  const { bytes, end } = wholeAreas(space, virtStart, virtEnd);
  const gone = bytes === 0n ? [] : [unmapped(space, virtStart, end, bytes)];
  const holdsWhole = [...space.areas.in(virtStart, virtEnd)].some(
    ({ iova, last }) => virtStart <= iova && last <= virtEnd,
  );
  return rejected(CUT, [...gone, unmapRefused(command, space)], holdsWhole ? UNMAP_ORDER : null);
}

/** Only the mappings at its two ends can stick out of a range. */
function isCut({ areas }: Space, first: bigint, last: bigint): boolean {
  const low = areas.at(first);
  if (low !== null && low.iova < first) return true;
  const high = areas.at(last);
  return high !== null && high.last > last;
}

function unmapped({ handle: ioas }: Space, first: bigint, last: bigint, bytes: bigint): IoasEvent {
  return { type: "IovaUnmapped", ioas, iova: iovaOf(first), last: last as Iova, bytes: byteLength(bytes) };
}

function unmapRefused({ virtStart, virtEnd }: UnmapRange, space: Space | null): IoasEvent {
  const length = byteLength(virtEnd < virtStart ? 0n : virtEnd - virtStart + 1n);
  return { type: "UnmapRefused", ioas: space?.handle ?? null, iova: iovaOf(virtStart), length };
}
