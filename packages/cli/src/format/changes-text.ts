import type { Change, ChangesAnswer } from "@ioasis/history";
import { markText, rangeSize, rangeText } from "./words.ts";

/** The changes of a range before and after a moment, for people. */
export function changesText({ context, version, last, next }: ChangesAnswer): string {
  return [
    `${context}, seen from version ${version}`,
    `  last  ${changeText(last, "no change up to here")}`,
    `  next  ${changeText(next, "no change after it")}`,
  ].join("\n");
}

function changeText(change: Change | null, none: string): string {
  if (change === null) return none;
  const { type, ioas, iova, last } = change;
  const size = rangeSize(iova, last);
  const place = iova === null ? "" : ` ${rangeText(iova, last)}${size === "" ? "" : ` (${size})`}`;
  return `${type} ${ioas ?? ""}${place} by ${markText(change)}`;
}
