/**
 * What every format's decoder is: a pure machine from lines to facts.
 *
 * A decoder is deterministic and prefix-stable: fed the same lines it gives the same facts in the
 * same order, and what it gave for a prefix does not change when more lines follow (an
 * interrupted import resumes by skipping the facts it already has). What must wait for a later
 * line (the result of a call) is held back; how much can be held back is bounded.
 */
import type { Fact, RangeFact } from "@ioasis/core";
import type { Line } from "./line.ts";

export const FORMATS = [
  "qemu",
  "ftrace",
  "perf",
  "trace-cmd",
  "bpftrace",
  "kprobe",
  "vectors",
  "dmesg",
  "dpdk",
  "vfio-user",
  "jsonl",
] as const;
export type FormatName = (typeof FORMATS)[number];

/** Where a decoder puts what it finds. */
export interface FactSink {
  fact(fact: Fact): void;
  /** A fact that comes in millions, without an object of its own; a sink that does not take it gets it as `fact`. */
  range?(range: RangeFact): void;
  /**
   * A line that is not a record of this format, or a broken one; each is counted and named once.
   * `isRecord`: it was read, but the recording does not tell how it came out.
   */
  problem(line: number, reason: string, isRecord?: boolean): void;
}

export interface Decoder {
  readonly format: FormatName;
  /** One line, which tells of itself during the call only. Blank lines and headers are fine. */
  line(line: Line, sink: FactSink): void;
  /** The file ended: gives out what was held back, or says which call never returned. */
  end(sink: FactSink): void;
}
