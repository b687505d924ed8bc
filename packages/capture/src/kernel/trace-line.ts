/**
 * One line of a kernel trace: prefix, time stamp, event name, text.
 *
 * The stamp is found first (the last digits before a `: ` behind which an event name follows),
 * because the name of a task may hold anything.
 */
import type { Stamp } from "@ioasis/core";
import type { Line } from "../line.ts";
import type { Origin } from "./origin.ts";
import { exactOfNumber, isDigit, wordOf } from "./scanner.ts";
import { PrefixReader, type TraceLayout } from "./trace-prefix.ts";

export interface TraceRecord {
  readonly origin: Origin;
  readonly inTask: boolean;
  /** Without its system (`map` for perf's `iommu:map`); empty: a record of a form that is none of ours. */
  readonly name: string;
  /** Where the event's text starts in the line's bytes. */
  readonly bodyAt: number;
}

const CLOCKS: Readonly<Record<TraceLayout, string>> = { ftrace: "trace", "trace-cmd": "trace", perf: "perf" };
const BARE = /^\s*(map|unmap): (?=IOMMU:)/;
/** The names of which a trace holds millions. */
const MAP = wordOf("map");
const UNMAP = wordOf("unmap");
const SPACE = 32;
const COLON = 58;
const DOT = 46;
const ZERO = 48;
/** A task's name has at most 15 characters, so few places of a line can look like a stamp. */
const COLONS_MAX = 8;
const TICKS_MAX = (1n << 63n) - 1n;

export class TraceLineReader {
  readonly #clock: string;
  readonly #prefixes: PrefixReader;
  /** Bytes of the newest record's prefix. */
  #width = 0;

  constructor(layout: TraceLayout) {
    this.#clock = CLOCKS[layout];
    this.#prefixes = new PrefixReader(layout);
  }

  /** Null: no record. */
  read(line: Line): TraceRecord | null {
    return this.#again(line) ?? this.#search(line);
  }

  /**
   * Tries whether the prefix is one that was seen before and as wide as that of the record before: columns are
   * printed at fixed widths. What stands in front of the stamp then reads as it did, so a search would end here too.
   */
  #again(line: Line): TraceRecord | null {
    const { bytes, from, to } = line;
    const end = from + this.#width;
    if (end >= to || bytes[end] !== SPACE) return null;
    const prefix = this.#prefixes.seen(line, end);
    if (prefix === null) return null;
    let start = end;
    while (start < to && bytes[start] === SPACE) start++;
    let colon = start;
    while (colon < to && (isDigit(bytes[colon] as number) || bytes[colon] === DOT)) colon++;
    if (colon === start || colon + 1 >= to || bytes[colon] !== COLON || bytes[colon + 1] !== SPACE) return null;
    const stamp = stampAt(this.#clock, line, start, colon);
    if (stamp === null) return null;
    return named(line, colon + 2, { actor: prefix.actor, stamp, line: line.number }, prefix.inTask);
  }

  #search(line: Line): TraceRecord | null {
    const { bytes, from, to } = line;
    let colon = colonIn(bytes, from, to);
    for (let tries = 0; colon > from && tries < COLONS_MAX; tries++) {
      const start = numberBefore(bytes, from, colon);
      if (start < colon && start > from && bytes[start - 1] === SPACE) {
        const end = endOfText(bytes, from, start);
        const prefix = this.#prefixes.read(line, end);
        const stamp = prefix === null ? null : stampAt(this.#clock, line, start, colon);
        if (prefix !== null && stamp !== null) {
          this.#width = end - from;
          return named(line, colon + 2, { actor: prefix.actor, stamp, line: line.number }, prefix.inTask);
        }
      }
      colon = colonIn(bytes, colon + 1, to);
    }
    const bare = BARE.exec(line.text);
    if (bare === null) return null;
    const origin = { actor: null, stamp: null, line: line.number };
    return { origin, inTask: true, name: bare[1] ?? "", bodyAt: from + wordOf(bare[0]).length };
  }
}

/** The first colon from `from` on that a space follows; -1: none. */
function colonIn(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to - 1; at++) if (bytes[at] === COLON && bytes[at + 1] === SPACE) return at;
  return -1;
}

/** Where the digits and points that end at `end` start. */
function numberBefore(bytes: Uint8Array, from: number, end: number): number {
  let start = end;
  while (start > from) {
    const code = bytes[start - 1] as number;
    if (!isDigit(code) && code !== DOT) return start;
    start--;
  }
  return start;
}

function endOfText(bytes: Uint8Array, from: number, end: number): number {
  let last = end;
  while (last > from && bytes[last - 1] === SPACE) last--;
  return last;
}

/** `12.345678` (one to nine decimals) or a plain counter; null: neither, or beyond 64 bits. */
function stampAt(clock: string, line: Line, from: number, to: number): Stamp | null {
  const { bytes } = line;
  let point = -1;
  let ticks = 0;
  for (let at = from; at < to; at++) {
    const code = bytes[at] as number;
    if (code !== DOT) ticks = ticks * 10 + code - ZERO;
    else if (point < 0) point = at;
    else return null;
  }
  const decimals = point < 0 ? 0 : to - point - 1;
  if (point < 0 ? to - from > 18 : point === from || point - from > 10 || decimals === 0 || decimals > 9) return null;
  if (ticks <= Number.MAX_SAFE_INTEGER) return { clock, ticks: exactOfNumber(ticks), decimals };
  const exact = BigInt(line.slice(from, to).replace(".", ""));
  return exact > TICKS_MAX ? null : { clock, ticks: exact, decimals };
}

/** The event's name ends at the first colon that a space or the end follows (perf: `iommu:map:`). */
function named(line: Line, from: number, origin: Origin, inTask: boolean): TraceRecord {
  const { bytes, to } = line;
  let start = from;
  while (start < to && bytes[start] === SPACE) start++;
  let system = start;
  let end = start;
  for (; end < to; end++) {
    const code = bytes[end];
    if (code === SPACE) return { origin, inTask, name: "", bodyAt: start };
    if (code !== COLON) continue;
    const next = end + 1;
    if (next >= to || bytes[next] === SPACE) break;
    system = next;
  }
  let bodyAt = Math.min(end + 1, to);
  while (bodyAt < to && bytes[bodyAt] === SPACE) bodyAt++;
  return { origin, inTask, name: nameAt(line, system, end), bodyAt };
}

function nameAt(line: Line, from: number, to: number): string {
  if (isWord(line.bytes, from, to, MAP)) return "map";
  if (isWord(line.bytes, from, to, UNMAP)) return "unmap";
  return line.slice(from, to);
}

function isWord(bytes: Uint8Array, from: number, to: number, word: Uint8Array): boolean {
  if (to - from !== word.length) return false;
  for (let i = 0; i < word.length; i++) if (bytes[from + i] !== word[i]) return false;
  return true;
}
