/** The second half of MAP and COPY: where the areas go (io_pagetable.c: iopt_map_pages). */
import { type Iova, iova, U64_MAX } from "../address.ts";
import { MAP_FIXED_IOVA } from "../commands.ts";
import type { IoasEvent } from "../events.ts";
import type { Environment } from "../profile/environment.ts";
import type { Prot, Source } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { pageTablesOf } from "./objects.ts";
import { firstFailing, guard, type Refusal } from "./outcome.ts";
import { pinRefusal } from "./pin-refusal.ts";
import { type Pages, pagesOf } from "./pinning.ts";
import { chooseIova } from "./placement.ts";
import { alignmentOf, ioPageOf, isAligned, pageOffset, startOf, touchesReserved, UNMAPPABLE } from "./space-rules.ts";

/** Pages for one area. */
export interface Piece {
  readonly length: bigint;
  readonly source: Source;
  /** The original MAP asked for WRITEABLE. */
  readonly isWritable: boolean;
  /** The version of the original MAP; null: this is it. */
  readonly map: number | null;
}

export interface PlaceRequest {
  readonly space: Space;
  readonly flags: number;
  /** Counts with MAP_FIXED_IOVA only. */
  readonly iova: bigint;
  readonly prot: Prot;
  /** In order of address; one at least. */
  readonly pieces: readonly Piece[];
}

interface Target {
  readonly space: Space;
  readonly iova: bigint;
  readonly length: bigint;
  readonly alignment: bigint;
}

const LENGTH = guard<Target>(
  "EINVAL",
  "iopt_alloc_area_pages: the length is not a multiple of the alignment",
  ({ length, alignment }) => length === 0n || !isAligned(length, alignment),
);

const FIXED = [
  guard<Target>("EINVAL", "iopt_check_iova: the iova is not aligned", (to) => !isAligned(to.iova, to.alignment)),
  guard<Target>("EOVERFLOW", "iopt_check_iova: the range wraps", (to) => to.iova + to.length - 1n > U64_MAX),
  guard<Target>("EINVAL", "iopt_check_iova: the range is reserved", (to) =>
    touchesReserved(to.space, to.iova, to.iova + to.length - 1n),
  ),
  guard<Target>("EEXIST", "iopt_check_iova: the range is mapped", (to) =>
    to.space.areas.overlaps(to.iova, to.iova + to.length - 1n),
  ),
];

interface Insertion {
  readonly piece: Piece;
  readonly asksWrite: boolean;
  readonly alignment: bigint;
  readonly pageSize: bigint;
}

const INSERT = [
  guard<Insertion>(
    "EPERM",
    "iopt_insert_area: the pages were not made writeable",
    ({ piece, asksWrite }) => asksWrite && !piece.isWritable,
  ),
  guard<Insertion>(
    "EINVAL",
    "iopt_insert_area: the offset in the page is not aligned",
    ({ piece, alignment, pageSize }) => !isAligned(pageOffset(piece.source, pageSize), alignment),
  ),
];

/** Where the pieces go and what that means, or why they go nowhere. */
export function placeAreas(
  state: ContextState,
  request: PlaceRequest,
  environment: Environment,
): { readonly iova: Iova; readonly events: readonly IoasEvent[] } | Refusal {
  const { space, prot, pieces } = request;
  const { pageSize } = environment;
  const alignment = alignmentOf(state, space, environment);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0n);
  const start = chooseStart(request, length, alignment, environment);
  if (typeof start === "object") return start;
  for (const piece of pieces) {
    const refusal = firstFailing(INSERT, { piece, asksWrite: prot === "w" || prot === "rw", alignment, pageSize });
    if (refusal !== null) return refusal;
  }
  const filling = fillRefusal(state, request, start, environment);
  if (filling !== null) return filling;
  return { iova: start, events: mappedEvents(request, start) };
}

/**
 * Page tables pin the pieces and map them one after the other (pages.c: iopt_area_fill_domains). The length as a
 * whole was looked at before; a piece of a COPY that is no whole io page is refused only here.
 */
function fillRefusal(
  state: ContextState,
  { space, pieces }: PlaceRequest,
  start: bigint,
  environment: Environment,
): Refusal | null {
  const ioPage = ioPageOf(pageTablesOf(state, space));
  if (ioPage === null) return null;
  const wanted: Pages[] = [];
  let next = start;
  let unmappable = false;
  for (const { source, length, isWritable, map } of pieces) {
    const pages = pagesOf(source, length, isWritable, map, environment.pageSize);
    if (pages !== null) wanted.push(pages);
    unmappable = !isAligned(next | length, ioPage);
    if (unmappable) break;
    next += length;
  }
  return pinRefusal(state, wanted, environment) ?? (unmappable ? UNMAPPABLE : null);
}

function chooseStart(
  { space, flags, iova: asked, pieces }: PlaceRequest,
  length: bigint,
  alignment: bigint,
  environment: Environment,
): Iova | Refusal {
  const target: Target = { space, iova: asked, length, alignment };
  if (LENGTH.fails(target)) return LENGTH;
  if ((flags & MAP_FIXED_IOVA) !== 0) return firstFailing(FIXED, target) ?? iova(asked);
  const source = pieces[0]?.source;
  return chooseIova(space, source === undefined ? 0n : startOf(source), length, alignment, environment);
}

/** One area, one event. */
function mappedEvents({ space, prot, pieces }: PlaceRequest, start: Iova): IoasEvent[] {
  let next: bigint = start;
  return pieces.map(({ length, source }) => {
    const first = iova(next);
    next += length;
    return { type: "IovaMapped", ioas: space.handle, iova: first, last: iova(next - 1n), prot, source };
  });
}
