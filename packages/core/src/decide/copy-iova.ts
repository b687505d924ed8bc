/** IOMMU_IOAS_COPY (ioas.c: iommufd_ioas_copy; io_pagetable.c: iopt_get_pages). */
import { byteLength, type Iova, iova, U64_MAX } from "../address.ts";
import type { Area } from "../area.ts";
import { type CopyIova, MAP_FIXED_IOVA, MAP_READABLE, MAP_WRITEABLE } from "../commands.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import { protOf, type Source } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { MAP_FLAGS } from "./map-iova.ts";
import { ioasOf } from "./objects.ts";
import { accepted, firstFailing, guard, type Outcome, type Refusal, refused } from "./outcome.ts";
import { isMadeWritable, mapOf } from "./pinning.ts";
import { type Piece, placeAreas } from "./place-areas.ts";

export const COPY_REQUEST = [
  guard<CopyIova>("EOPNOTSUPP", "iommufd_ioas_copy: unknown flag", ({ flags }) => (flags & ~MAP_FLAGS) !== 0),
  guard<CopyIova>(
    "EOVERFLOW",
    "iommufd_ioas_copy: length or an iova is U64_MAX",
    (call) => call.length >= U64_MAX || call.srcIova >= U64_MAX || call.dstIova >= U64_MAX,
  ),
  guard<CopyIova>(
    "EINVAL",
    "iommufd_ioas_copy: neither READABLE nor WRITEABLE",
    ({ flags }) => (flags & (MAP_WRITEABLE | MAP_READABLE)) === 0,
  ),
];

const SOURCE_RANGE = [
  guard<CopyIova>("EINVAL", "iopt_get_pages: no length", ({ length }) => length === 0n),
  guard<CopyIova>(
    "EOVERFLOW",
    "iopt_get_pages: the source range wraps",
    ({ srcIova, length }) => srcIova + length - 1n > U64_MAX,
  ),
];

const NO_SOURCE: Refusal = { errno: "ENOENT", rule: "iommufd_get_ioas: no source ioas has this id" };
const HOLE: Refusal = { errno: "ENOENT", rule: "iopt_get_pages: the source range is not mapped without a gap" };
const NO_DESTINATION: Refusal = { errno: "ENOENT", rule: "iommufd_get_ioas: no destination ioas has this id" };

export interface Copied {
  readonly dstIova: Iova;
  /** For each area made: the version of the MAP whose pages it shares. */
  readonly maps: readonly (number | null)[];
}

export function copyIova(state: ContextState, command: CopyIova, environment: Environment): Outcome<Copied> {
  const { flags, length, dstIova, srcIova } = command;
  const destination = ioasOf(state, command.dstIoasId);
  const refuse = (refusal: Refusal) => refused(refusal, [copyRefused(command, destination)]);
  const asked = firstFailing(COPY_REQUEST, command);
  if (asked !== null) return refuse(asked);
  const origin = ioasOf(state, command.srcIoasId);
  if (origin === null) return refuse(NO_SOURCE);
  const range = firstFailing(SOURCE_RANGE, command);
  if (range !== null) return refuse(range);
  const pieces = piecesOf(origin, srcIova, srcIova + length - 1n, environment);
  if (pieces === null) return refuse(HOLE);
  if (destination === null) return refuse(NO_DESTINATION);
  const prot = protOf((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0);
  const placed = placeAreas(state, { space: destination, flags, iova: dstIova, prot, pieces }, environment);
  if ("errno" in placed) return refuse(placed);
  const out = { dstIova: placed.iova, maps: pieces.map(({ map }) => map) };
  return accepted(out, placed.events);
}

/** The pages behind `[first, last]`, one piece per source area; null: there is a gap. */
export function piecesOf(space: Space, first: bigint, last: bigint, environment: Environment): Piece[] | null {
  const pieces: Piece[] = [];
  let next = first;
  for (const area of space.areas.list(first, last)) {
    if (area.iova > next) return null;
    const end = area.last < last ? area.last : last;
    pieces.push(pieceOf(area, next - area.iova, end - next + 1n, environment));
    next = end + 1n;
  }
  return next > last ? pieces : null;
}

function pieceOf(area: Area, skipped: bigint, length: bigint, environment: Environment): Piece {
  const isWritable = isMadeWritable(area);
  return { length, isWritable, source: shared(area.source, skipped, isWritable), map: mapOf(area, environment) };
}

/** The source of a copy that starts `skipped` bytes into an area. A file stays the file that it is. */
function shared(source: Source, skipped: bigint, writable: boolean): Source {
  switch (source.kind) {
    case "va":
    case "copy":
      return { kind: "copy", va: source.va + skipped, writable };
    case "file": {
      const start = source.start + skipped;
      return writable ? { kind: "file", fd: source.fd, start, writable } : { kind: "file", fd: source.fd, start };
    }
    case "dmabuf":
      return { kind: source.kind, fd: source.fd, start: source.start + skipped };
    case "gpa":
      return { kind: "gpa", gpa: source.gpa + skipped };
    case "paddr":
      return { kind: "paddr", paddr: source.paddr + skipped };
    default:
      return { kind: "unknown" };
  }
}

/** The event of a COPY that is refused, by the kernel or by a policy. */
export function copyRefused({ flags, dstIova, length }: CopyIova, destination: Space | null): IoasEvent {
  return {
    type: "MapRefused",
    ioas: destination?.handle ?? null,
    iova: (flags & MAP_FIXED_IOVA) === 0 ? null : iova(dstIova),
    length: byteLength(length),
    prot: protOf((flags & MAP_READABLE) !== 0, (flags & MAP_WRITEABLE) !== 0),
    source: { kind: "unknown" },
  };
}
