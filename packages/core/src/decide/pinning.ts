/**
 * The pages behind areas, which are pinned and charged to RLIMIT_MEMLOCK (pages.c: iopt_area_fill_domains,
 * iopt_pages_fill_xarray).
 *
 * The pages are an object of their own (iopt_pages), made by each MAP and shared by every COPY of it:
 * they are pinned and charged once, however many areas and in-kernel users need them.
 */
import type { Iova } from "../address.ts";
import type { Area } from "../area.ts";
import type { Environment } from "../profile/environment.ts";
import type { Range } from "../range.ts";
import type { Source } from "../source.ts";

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
