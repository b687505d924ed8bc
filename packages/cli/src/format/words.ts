/** How times, people, ranges and mappings are written in every text for people. */
import { type Actor, type ClockJson, lengthOf } from "@ioasis/core";
import { type AreaJson, actorName, type EventMark, sizeText } from "@ioasis/history";

export interface Timed {
  readonly time: string | null;
  readonly clock: ClockJson | null;
}

/** `2026-01-31T12:00:00.123456Z`, `4.878076 s`, or `-`. */
export function timeText({ time, clock }: Timed): string {
  return time ?? (clock === null ? "-" : `${clock.seconds} s`);
}

/** `version 3, 4.878076 s (trace)`. */
export function momentText(version: number, { time, clock }: Timed): string {
  if (clock === null) return `version ${version}`;
  return `version ${version}, ${time ?? `${clock.seconds} s (${clock.name})`}`;
}

/** `kworker/u64:0-12 at 327.747766 s, version 2`. */
export function markText(mark: EventMark): string {
  const when = mark.clock === null ? "" : ` at ${timeText(mark)}`;
  return `${actorText(mark.actor) || "somebody not told"}${when}, version ${mark.version}`;
}

/** Empty where the source names nobody. */
export function actorText(actor: Actor | null): string {
  return actorName(actor) ?? "";
}

/** `0x1000-0x1fff`; what is not told is `?`. */
export function rangeText(iova: string | null, last: string | null): string {
  if (iova === null) return "?";
  return last === null || last === iova ? iova : `${iova}-${last}`;
}

/** Empty where the range is not told. */
export function rangeSize(iova: string | null, last: string | null): string {
  return iova === null || last === null ? "" : sizeText(lengthOf(BigInt(iova), BigInt(last)));
}

/** `gpa 0x7e000000`, `paddr 0x10ec80000`, `fd 34 + 0x1000`, with the number of runs where there are several. */
export function sourceText(source: AreaJson["source"]): string {
  const { kind, va, fd, start, gpa, paddr, runs } = source;
  const pieces = runs !== undefined && runs.length > 1 ? ` in ${runs.length} runs` : "";
  if (fd !== undefined) return `${kind} fd ${fd} + ${start ?? "?"}${pieces}`;
  return `${kind}${[va, gpa, paddr].map((address) => (address === undefined ? "" : ` ${address}`)).join("")}${pieces}`;
}
