import type { RangeJson, TranslateAnswer } from "@ioasis/history";
import { rangeSize, rangeText } from "./words.ts";

const ROWS_MAX = 40;

/** Dirty guest-physical ranges, for people. */
export function translateText(answer: TranslateAnswer): string {
  const { context, version, ioas, dirtyPages, pageSize, ranges, unmapped, untold, notes } = answer;
  return [
    `${context}, ${ioas} at version ${version}: ${dirtyPages} dirty pages of ${Number(pageSize)} bytes`,
    ...section("guest-physical", ranges),
    ...section("dirty and not mapped (IOVA)", unmapped),
    ...section("dirty and mapped to what the record does not tell (IOVA)", untold),
    ...notes,
  ].join("\n");
}

function section(title: string, ranges: readonly RangeJson[]): string[] {
  if (ranges.length === 0) return [];
  const rows = ranges
    .slice(0, ROWS_MAX)
    .map(([first, last]) => `    ${rangeText(first, last)}  ${rangeSize(first, last)}`);
  const more = ranges.length - rows.length;
  return [`  ${title}`, ...rows, ...(more > 0 ? [`    and ${more} more: --json gives all`] : [])];
}
