/**
 * Pinning the user pages behind areas (pages.c: iopt_area_fill_domains, iopt_pages_fill_domain).
 *
 * Pages are pinned once per original MAP, however many areas share them. A recording does not say
 * which copies share whose pages, so a copy counts as pinned where a living mapping of the same
 * user address is.
 */
import type { Iova } from "../address.ts";
import type { Environment } from "../profile/environment.ts";
import { holes, merged, type Range } from "../range.ts";
import type { Source } from "../source.ts";
import type { ContextState, Space } from "../state.ts";
import { pageTablesOf } from "./objects.ts";
import type { Refusal } from "./outcome.ts";

/** User pages that somebody needs pinned. */
export interface Pages {
  /** First and last byte in user memory. */
  readonly va: Range;
  /** The original MAP asked for WRITEABLE: they are pinned for writing. */
  readonly isWritable: boolean;
  /** Copied: the pages of an earlier mapping. */
  readonly isShared: boolean;
}

const UNREADABLE: Refusal = { errno: "EFAULT", rule: "pfn_reader_user_pin: user memory cannot be pinned" };
const OVER_LIMIT: Refusal = { errno: "ENOMEM", rule: "update_user_accounting: over RLIMIT_MEMLOCK" };

/** The user pages of an area or a part of it, or null where it has none (a file, unknown). */
export function pagesOf(source: Source, length: bigint, isWritable: boolean, pageSize: bigint): Pages | null {
  if (source.kind !== "va" && source.kind !== "copy") return null;
  const mask = -pageSize;
  const va = { first: (source.va & mask) as Iova, last: (((source.va + length - 1n) & mask) + pageSize - 1n) as Iova };
  return { va, isWritable: source.kind === "copy" ? source.writable : isWritable, isShared: source.kind === "copy" };
}

/** Why `wanted` cannot be pinned, or null. */
export function pinRefusal(state: ContextState, wanted: readonly Pages[], environment: Environment): Refusal | null {
  for (const pages of wanted) {
    if (environment.memory.canPin(pages.va.first, pages.va.last, pages.isWritable)) continue;
    if (!pages.isShared || holes(pinnedRanges(state, environment), pages.va).length > 0) return UNREADABLE;
  }
  if (environment.canLockMemory || environment.memlockBytes === null) return null;
  const limit = environment.memlockBytes & -environment.pageSize;
  return chargedBytes([...pinnedPages(state, environment), ...wanted]) > limit ? OVER_LIMIT : null;
}

/** All user pages of a space. */
export function pagesOfSpace(space: Space, pageSize: bigint): Pages[] {
  const result: Pages[] = [];
  for (const { iova, last, source, prot } of space.areas.all()) {
    const pages = pagesOf(source, last - iova + 1n, prot !== "r", pageSize);
    if (pages !== null) result.push(pages);
  }
  return result;
}

/** What page tables and accesses hold pinned now. */
function pinnedPages(state: ContextState, environment: Environment): Pages[] {
  const pages: Pages[] = [];
  for (const space of state.liveSpaces) {
    if (pageTablesOf(state, space).length > 0) pages.push(...pagesOfSpace(space, environment.pageSize));
    else pages.push(...pagesOfAccesses(space, environment));
  }
  return pages;
}

function pagesOfAccesses(space: Space, { pins, pageSize }: Environment): Pages[] {
  const pages: Pages[] = [];
  const ranges = merged([...pins.values()].filter(({ ioas }) => ioas === space.handle));
  for (const range of ranges) {
    for (const { iova, last, source, prot } of space.areas.in(range.first, range.last)) {
      const whole = pagesOf(source, last - iova + 1n, prot !== "r", pageSize);
      if (whole === null) continue;
      const skipped = range.first > iova ? range.first - iova : 0n;
      const left = last > range.last ? last - range.last : 0n;
      const va = { first: (whole.va.first + skipped) as Iova, last: (whole.va.last - left) as Iova };
      pages.push({ ...whole, va });
    }
  }
  return pages;
}

function pinnedRanges(state: ContextState, environment: Environment): Range[] {
  return pinnedPages(state, environment).map(({ va }) => va);
}

/** Each MAP is charged by itself, copies only where nothing else has charged the same address. */
function chargedBytes(pages: readonly Pages[]): bigint {
  const own = pages.filter(({ isShared }) => !isShared).map(({ va }) => va);
  const shared = merged(pages.filter(({ isShared }) => isShared).map(({ va }) => va));
  return bytesOf(own) + bytesOf(shared.flatMap((range) => holes(own, range)));
}

function bytesOf(ranges: readonly Range[]): bigint {
  return ranges.reduce((sum, { first, last }) => sum + (last - first + 1n), 0n);
}
