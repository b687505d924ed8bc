/**
 * Pinning the pages behind areas and charging them to RLIMIT_MEMLOCK (pages.c: iopt_area_fill_domains,
 * iopt_pages_fill_xarray, pfn_reader_update_pinned).
 *
 * The pages are an object of their own (iopt_pages), made by each MAP and shared by every COPY of it:
 * they are pinned and charged once, however many areas and in-kernel users need them.
 */
import type { Iova } from "../address.ts";
import type { Area } from "../area-slots.ts";
import type { Environment } from "../profile/environment.ts";
import { holes, merged, type Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { pageTablesOf } from "./objects.ts";
import type { Refusal } from "./outcome.ts";

/** Pages that somebody needs pinned: a part of one pages object. */
export interface Pages {
  /** The version of the MAP that made the object; null: it is being made. */
  readonly map: number | null;
  /** The file; null: user memory. */
  readonly fd: number | null;
  /** Whole pages: user addresses or offsets in the file. */
  readonly bytes: Range;
  /** The MAP asked for WRITEABLE: they are pinned for writing. */
  readonly isWritable: boolean;
}

const UNREADABLE: Refusal = { errno: "EFAULT", rule: "pfn_reader_user_pin: user memory cannot be pinned" };
const BEYOND_FILE: Refusal = { errno: "EINVAL", rule: "memfd_pin_folios: beyond the end of the file" };
const OVER_LIMIT: Refusal = { errno: "ENOMEM", rule: "incr_user_locked_vm: over RLIMIT_MEMLOCK" };

/** The version of the MAP whose pages an area uses. */
export function mapOf({ version }: Area, { copies }: Environment): number {
  return copies.get(version) ?? version;
}

/** Whether the MAP that made the pages of an area asked for WRITEABLE (iopt_pages.writable). */
export function isMadeWritable({ source, prot }: Area): boolean {
  if (source.kind === "copy") return source.writable;
  return prot !== "r" || (source.kind === "file" && source.writable === true);
}

/** The pages of `length` bytes of a source, or null where nothing is known of them. */
export function pagesOf(
  source: Source,
  length: bigint,
  isWritable: boolean,
  map: number | null,
  pageSize: bigint,
): Pages | null {
  const isUser = source.kind === "va" || source.kind === "copy";
  if (!isUser && source.kind !== "file") return null;
  const start = isUser ? source.va : source.start;
  const first = start & -pageSize;
  const last = ((start + length - 1n) & -pageSize) + pageSize - 1n;
  return { map, fd: isUser ? null : source.fd, bytes: { first: first as Iova, last: last as Iova }, isWritable };
}

/** The pages of the part of an area that lies in `[first, last]`. */
export function pagesOfArea(area: Area, first: bigint, last: bigint, environment: Environment): Pages | null {
  const from = area.iova > first ? area.iova : first;
  const to = area.last < last ? area.last : last;
  const whole = area.source;
  const skipped = from - area.iova;
  const source: Source =
    whole.kind === "file"
      ? { ...whole, start: whole.start + skipped }
      : whole.kind === "va" || whole.kind === "copy"
        ? { ...whole, va: whole.va + skipped }
        : whole;
  return pagesOf(source, to - from + 1n, isMadeWritable(area), mapOf(area, environment), environment.pageSize);
}

/** All pages of a space, area by area. */
function pagesOfSpace(space: Space, environment: Environment): Pages[] {
  const result: Pages[] = [];
  for (const area of space.areas.all()) {
    const pages = pagesOfArea(area, area.iova, area.last, environment);
    if (pages !== null) result.push(pages);
  }
  return result;
}

/** Why `wanted` cannot be pinned, one after the other, or null. */
export function pinRefusal(state: ContextState, wanted: readonly Pages[], environment: Environment): Refusal | null {
  const { memlockBytes, canLockMemory, pageSize } = environment;
  const limit = canLockMemory || memlockBytes === null ? null : memlockBytes & -pageSize;
  if (limit === null && wanted.every((pages) => isReachable(pages, pages.bytes, environment))) return null;
  const pinned = pinnedPages(state, environment);
  let charged = limit === null ? 0n : chargedBytes(pinned, environment);
  for (const pages of wanted) {
    const there = pinned.filter(({ map }) => map !== null && map === pages.map).map(({ bytes }) => bytes);
    if (holes(there, pages.bytes).some((missing) => !isReachable(pages, missing, environment)))
      return pages.fd === null ? UNREADABLE : BEYOND_FILE;
    pinned.push(pages);
    if (limit === null) continue;
    const before = charged;
    charged = chargedBytes(pinned, environment);
    if (charged > before && charged > limit) return OVER_LIMIT;
  }
  return null;
}

function isReachable({ fd, isWritable }: Pages, { first, last }: Range, { memory, files }: Environment): boolean {
  if (fd === null) return memory.canPin(first, last, isWritable);
  const bytes = files.get(fd);
  return bytes === undefined || last < bytes;
}

/** What page tables and in-kernel users hold pinned now. */
function pinnedPages(state: ContextState, environment: Environment): Pages[] {
  const pages: Pages[] = [];
  for (const space of state.liveSpaces) {
    if (pageTablesOf(state, space).length > 0) pages.push(...pagesOfSpace(space, environment));
    else pages.push(...pagesOfAccesses(space, environment));
  }
  return pages;
}

function pagesOfAccesses(space: Space, environment: Environment): Pages[] {
  const pages: Pages[] = [];
  for (const pin of environment.pins.values()) {
    if (pin.ioas !== space.handle) continue;
    for (const area of space.areas.in(pin.first, pin.last)) {
      const part = pagesOfArea(area, pin.first, pin.last, environment);
      if (part !== null) pages.push(part);
    }
  }
  return pages;
}

/** Each pages object counts the pages that anybody has pinned; those made with CAP_IPC_LOCK do not count. */
function chargedBytes(pages: readonly Pages[], { lockedUpTo }: Environment): bigint {
  const parts = new Map<number | null, Range[]>();
  for (const { map, bytes } of pages) {
    if (map !== null && map <= lockedUpTo) continue;
    const known = parts.get(map);
    if (known === undefined) parts.set(map, [bytes]);
    else known.push(bytes);
  }
  let sum = 0n;
  for (const ranges of parts.values()) for (const { first, last } of merged(ranges)) sum += last - first + 1n;
  return sum;
}
