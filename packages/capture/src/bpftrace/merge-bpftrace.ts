/**
 * Brings the recordings of several bpftrace processes of one boot into one order of time, so that
 * the page-table lines of the second recorder follow the ioctl they fell into.
 */
import { nanoseconds } from "./record-reader.ts";

export interface MergedLine {
  readonly text: string;
  /** Index of the file and 1-based line in it. */
  readonly file: number;
  readonly number: number;
}

/**
 * `files`: the lines of each file, the one with the ioctls first. Lines are ordered by `t` (of an
 * ioctl: its entry), `mono` for clock lines; a line without a time (`Lost n events`, blank) stays
 * behind the line before it. Equal times keep the order of the files.
 */
export function mergeBpftrace(files: readonly (readonly string[])[]): readonly MergedLine[] {
  const timed: { readonly line: MergedLine; readonly time: bigint }[] = [];
  for (const [file, lines] of files.entries()) {
    let time = 0n;
    for (const [index, text] of lines.entries()) {
      time = timeOf(text) ?? time;
      timed.push({ line: { text, file, number: index + 1 }, time });
    }
  }
  timed.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return timed.map(({ line }) => line);
}

function timeOf(text: string): bigint | null {
  if (!text.startsWith("{")) return null;
  const time = nanoseconds(text, "t") ?? nanoseconds(text, "mono");
  if (time !== null) return time;
  const [, whole, fraction = ""] = /"mono":"(\d{1,12})\.(\d{1,9})"/.exec(text.slice(0, 256)) ?? [];
  return whole === undefined ? null : BigInt(whole + fraction.padEnd(9, "0"));
}
