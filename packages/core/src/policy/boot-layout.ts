/**
 * Guest memory around the holes of a host.
 *
 * The rule: what lies below 4 GiB stays, since firmware and machine type expect it there, and a hole in it is a
 * refusal. RAM and device memory from 4 GiB on move whole, never cut, to the lowest multiple of 1 GiB at or above
 * their place that is free: what QEMU does for HyperTransport's range on AMD (pc_set_amd_above_4g_mem_start moves
 * RAM above 4 GiB to 1 TiB). Windows of device registers keep their place with the holes cut out, unless memory
 * moved into them: then they move by the same rule.
 */
import { hex, type Iova, U64_MAX } from "../address.ts";
import { IoasisError } from "../failure.ts";
import type { GuestLayout, LayoutRange } from "../layout/layout.ts";
import { inOrder } from "../layout/ranges.ts";
import { GIB, roundUp } from "../layout/size.ts";
import { merged, overlaps, type Range } from "../range.ts";
import { devicesRanges, isBusWindow, isMemory } from "./territory.ts";

const MOVABLE_FROM = 4n * GIB;

export interface Move {
  readonly name: string;
  readonly from: Range;
  readonly to: Range;
}

export interface PlacedLayout {
  readonly layout: GuestLayout;
  readonly moves: readonly Move[];
}

/** @throws IoasisError ERR_INPUT that says which memory meets which hole, and why it cannot move */
export function placeBootLayout(layout: GuestLayout, holes: readonly Range[]): PlacedLayout {
  const seen = new Set<LayoutRange>(devicesRanges(layout));
  const placed: LayoutRange[] = layout.ranges.filter((range) => !seen.has(range));
  const moves: Move[] = [];
  const memory = inOrder([...seen].filter(isMemory));
  const staying = memory.filter((range) => !touches(range, holes));
  for (const range of memory.filter((one) => !staying.includes(one))) {
    const to = moved(range, [...holes, ...layout.reserved, ...staying], layout);
    staying.push(to);
    moves.push(moveOf(range, to));
  }
  placed.push(...staying);
  for (const range of inOrder([...seen].filter((one) => !isMemory(one)))) {
    const isFree = !touches(
      range,
      placed.filter((one) => seen.has(one) || staying.includes(one)),
    );
    const to = isFree ? range : moved(range, [...holes, ...layout.reserved, ...placed], layout);
    placed.push(to);
    if (!isFree) moves.push(moveOf(range, to));
  }
  return { layout: { ...layout, ranges: inOrder(placed) }, moves };
}

/** The lowest free place for it. */
function moved(range: LayoutRange, obstacles: readonly Range[], { machine }: GuestLayout): LayoutRange {
  const hole = obstacles.find((one) => overlaps(one, range));
  const what = `policy host-derived: ${range.name} at ${words(range)} meets ${hole === undefined ? "others" : words(hole)}`;
  if (range.first < MOVABLE_FROM || isBusWindow(range))
    throw new IoasisError(
      "ERR_INPUT",
      `${what}, which a boot-time device cannot reach; below 4 GiB ${machine} has it there and nowhere else: leave out that device, or take another machine`,
      { range: words(range) },
    );
  const length = range.last - range.first;
  let first: bigint = range.first;
  for (const obstacle of merged(obstacles)) {
    if (obstacle.last < first) continue;
    if (obstacle.first > first + length) break;
    first = roundUp(obstacle.last + 1n, GIB);
  }
  const last = first + length;
  if (last <= U64_MAX) return { ...range, first: first as Iova, last: last as Iova };
  throw new IoasisError(
    "ERR_INPUT",
    `${what}, and nowhere above is room for its ${hex(length + 1n)} bytes: give the guest less memory, or leave out that device`,
    { range: words(range) },
  );
}

function touches(range: Range, others: readonly Range[]): boolean {
  return others.some((other) => overlaps(other, range));
}

function moveOf({ name, first, last }: LayoutRange, to: Range): Move {
  return { name, from: { first, last }, to: { first: to.first, last: to.last } };
}

function words({ first, last }: Range): string {
  return `${hex(first)}-${hex(last)}`;
}
