/**
 * What stands before the time stamp of a trace record: who, where and in which context.
 *
 * ftrace prints `%16s-%-7d [%03d] FLAGS`, with a `(tgid)` column before `[cpu]` (after it in
 * older kernels), no flags under `noirq-info`; trace-cmd the same, or `-0xNN` behind `[cpu]` for
 * the raw flags (`-R`). perf script prints `%16s %7d [%03d]` or `pid/tid`, `[cpu]` optional.
 * A name may hold spaces, `-`, `/`, `:` and `()`, so everything is anchored at its right end.
 *
 * Source: kernel/trace/trace_output.c trace_print_context, tools/perf/builtin-script.c
 * perf_sample__fprintf_start, trace-cmd's trace-read.c.
 */
import type { Actor } from "@ioasis/core";
import type { Line } from "../line.ts";

export type TraceLayout = "ftrace" | "perf" | "trace-cmd";

export interface TracePrefix {
  readonly actor: Actor;
  /** False: in a hard or soft interrupt, so what happens is no act of the task it interrupted. */
  readonly inTask: boolean;
}

const FTRACE =
  /^\s*(.*)-(\d+)\s+(?:\(\s*(\d+|-+)\)\s+)?\[(\d+)\](?:\s+\(\s*(\d+|-+)\))?(?:-0x([0-9a-f]+)|\s+([^\s\d(]\S{3,7}))?$/;
const PERF = /^\s*(.*\S)\s+(-?\d+)(?:\/(-?\d+))?(?:\s+\[(\d+)\])?$/;
/** TRACE_FLAG_HARDIRQ | TRACE_FLAG_SOFTIRQ (include/linux/trace_events.h). */
const RAW_INTERRUPT = 0x18;
const CACHED_MAX = 65_536;
const PREFIX_BYTES_MAX = 128;
/** Prefixes found again by their bytes alone: a power of two. */
const SEEN_SLOTS = 4096;
const HASHED_BYTES = 24;

/** A prefix as it was last seen, to be known again without making a string of it. */
interface Seen {
  readonly bytes: Uint8Array;
  readonly prefix: TracePrefix;
}

/** Parses prefixes and keeps what it parsed: equal prefixes give the same object, equal actors too. */
export class PrefixReader {
  readonly #layout: TraceLayout;
  readonly #known = new Map<string, TracePrefix>();
  readonly #actors = new Map<string, Actor>();
  /** By a hash of the bytes; the newest of those that share a slot. */
  readonly #seen: (Seen | undefined)[] = new Array(SEEN_SLOTS);

  constructor(layout: TraceLayout) {
    this.#layout = layout;
  }

  /** All that precedes the time stamp, up to `end` of the bytes, without trailing spaces. Null: no such prefix. */
  read(line: Line, end: number): TracePrefix | null {
    const { bytes, from } = line;
    if (end - from > PREFIX_BYTES_MAX) return null;
    const seen = this.seen(line, end);
    if (seen !== null) return seen;
    const prefix = this.#parse(line.slice(from, end));
    if (prefix !== null) this.#seen[slotOf(bytes, from, end)] = { bytes: bytes.slice(from, end), prefix };
    return prefix;
  }

  /** The same, where it was read before and is still at hand; else null. */
  seen({ bytes, from }: Line, end: number): TracePrefix | null {
    const seen = this.#seen[slotOf(bytes, from, end)];
    return seen !== undefined && isSame(seen.bytes, bytes, from, end) ? seen.prefix : null;
  }

  #parse(text: string): TracePrefix | null {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    // A copy: a slice that is kept would keep the whole block of the file that it was cut from.
    const own = text.split("").join("");
    const prefix = this.#layout === "perf" ? this.#perf(own) : this.#ftrace(own);
    if (prefix === null) return null;
    if (this.#known.size >= CACHED_MAX) {
      this.#known.clear();
      this.#actors.clear();
    }
    this.#known.set(own, prefix);
    return prefix;
  }

  #ftrace(text: string): TracePrefix | null {
    const match = FTRACE.exec(text);
    if (match === null) return null;
    const [, comm = "", tid, before, cpu, after, raw, flags = null] = match;
    const tgid = before ?? after;
    const printed = raw === undefined ? flags : `0x${raw}`;
    const actor = this.#actor(comm, isNumber(tgid) ? Number(tgid) : null, Number(tid), Number(cpu), printed);
    const inTask = raw === undefined ? isTaskContext(flags) : (Number.parseInt(raw, 16) & RAW_INTERRUPT) === 0;
    return { actor, inTask };
  }

  #perf(text: string): TracePrefix | null {
    const match = PERF.exec(text);
    if (match === null) return null;
    const [, comm = "", first, second, cpu] = match;
    const pid = second === undefined ? null : Number(first);
    const tid = Number(second ?? first);
    return { actor: this.#actor(comm, pid, tid, cpu === undefined ? null : Number(cpu), null), inTask: true };
  }

  #actor(comm: string, pid: number | null, tid: number, cpu: number | null, flags: string | null): Actor {
    const key = `${comm}\0${pid}\0${tid}\0${cpu}\0${flags}`;
    const known = this.#actors.get(key);
    if (known !== undefined) return known;
    // The kernel prints <...> when it no longer knows the name.
    const actor: Actor = { comm: comm === "<...>" ? null : comm, pid, tid, cpu, flags };
    this.#actors.set(key, actor);
    return actor;
  }
}

/** FNV-1a of the last bytes, in which task, CPU and flags stand. */
function slotOf(bytes: Uint8Array, from: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = Math.max(from, end - HASHED_BYTES); at < end; at++)
    hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (SEEN_SLOTS - 1);
}

function isSame(own: Uint8Array, bytes: Uint8Array, from: number, end: number): boolean {
  if (own.length !== end - from) return false;
  for (let i = 0; i < own.length; i++) if (own[i] !== bytes[from + i]) return false;
  return true;
}

function isNumber(text: string | undefined): boolean {
  return text !== undefined && !text.startsWith("-");
}

/** The hardirq/softirq column: the third of four or five, the fourth where lazy preemption has columns. */
function isTaskContext(flags: string | null): boolean {
  if (flags === null) return true;
  return flags[flags.length >= 6 ? 3 : 2] === ".";
}
