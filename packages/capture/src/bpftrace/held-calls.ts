/**
 * Finished ioctls that wait for the page-table lines that fell into them.
 *
 * An ioctl line stands at its entry time, the page-table lines of the same task between entry
 * and exit come after it. A call is given out, in order of exit, when a line later than its exit
 * has come; so facts come in the order in which their outcomes were known.
 */
import { MapLines, type UnmapLines } from "../kernel/call-lines.ts";
import type { IommuRecord } from "../kernel/iommu-record.ts";
import type { CallRecord, PageTableRecord } from "./record.ts";

export const HELD_MAX = 4096;

/** `all`: whatever the kernel does to page tables meanwhile is this call's own affair (attach, detach). */
export type InnerLines = MapLines | UnmapLines | "all" | null;

export interface HeldCall {
  readonly record: CallRecord;
  readonly lines: InnerLines;
  readonly line: number;
}

export class HeldCalls {
  /** In order of exit. */
  readonly #held: HeldCall[] = [];

  get isFull(): boolean {
    return this.#held.length >= HELD_MAX;
  }

  push(call: HeldCall): void {
    let at = this.#held.length;
    while (at > 0 && (this.#held[at - 1] as HeldCall).record.end > call.record.end) at--;
    this.#held.splice(at, 0, call);
  }

  /** The first call that ended before `time`, taken out; null `time`: the first. */
  takeBefore(time: bigint | null): HeldCall | null {
    const first = this.#held[0];
    if (first === undefined || (time !== null && first.record.end >= time)) return null;
    this.#held.shift();
    return first;
  }

  /** Whether the line belongs to a call that waits. */
  absorbs({ record, time, actor }: PageTableRecord): boolean {
    if (record === null) return false;
    for (const { record: call, lines } of this.#held) {
      if (call.actor.tid !== actor.tid || call.start > time || call.end < time) continue;
      if (takes(lines, record)) return true;
    }
    return false;
  }
}

function takes(lines: InnerLines, record: IommuRecord): boolean {
  if (lines === null || record.kind === "fault") return false;
  if (lines === "all") return true;
  if (lines instanceof MapLines && record.kind === "map") return lines.takeMap(record);
  return record.kind === "unmap" && lines.takeUnmap(record);
}
