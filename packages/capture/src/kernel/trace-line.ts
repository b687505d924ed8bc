/**
 * One line of a kernel trace: prefix, time stamp, event name, text.
 *
 * The stamp is found first (the last digits before a `: ` behind which an event name follows),
 * because the name of a task may hold anything.
 */
import type { Actor, Stamp } from "@ioasis/core";
import { isDigit } from "./scanner.ts";
import { PrefixReader, type TraceLayout } from "./trace-prefix.ts";

export interface TraceRecord {
  readonly actor: Actor | null;
  readonly inTask: boolean;
  readonly stamp: Stamp | null;
  /** Without its system (`map` for perf's `iommu:map`); empty: a record of a form that is none of ours. */
  readonly name: string;
  /** Where the event's text starts in the line. */
  readonly bodyAt: number;
}

const CLOCKS: Readonly<Record<TraceLayout, string>> = { ftrace: "trace", "trace-cmd": "trace", perf: "perf" };
const BARE = /^\s*(map|unmap): (?=IOMMU:)/;
const SPACE = 32;
const COLON = 58;
const DOT = 46;
/** A task's name has at most 15 characters, so few places of a line can look like a stamp. */
const COLONS_MAX = 8;
const TICKS_MAX = (1n << 63n) - 1n;

export class TraceLineReader {
  readonly #clock: string;
  readonly #prefixes: PrefixReader;

  constructor(layout: TraceLayout) {
    this.#clock = CLOCKS[layout];
    this.#prefixes = new PrefixReader(layout);
  }

  /** Null: no record. */
  read(text: string): TraceRecord | null {
    let colon = text.indexOf(": ");
    for (let tries = 0; colon > 0 && tries < COLONS_MAX; tries++) {
      const start = numberBefore(text, colon);
      if (start < colon && start > 0 && text.charCodeAt(start - 1) === SPACE) {
        const prefix = this.#prefixes.read(text.slice(0, endOfText(text, start)));
        const stamp = prefix === null ? null : stampOf(this.#clock, text.slice(start, colon));
        if (prefix !== null && stamp !== null) return named(text, colon + 2, prefix.actor, prefix.inTask, stamp);
      }
      colon = text.indexOf(": ", colon + 1);
    }
    const bare = BARE.exec(text);
    if (bare === null) return null;
    return { actor: null, inTask: true, stamp: null, name: bare[1] ?? "", bodyAt: bare[0].length };
  }
}

/** Where the digits and points that end at `end` start. */
function numberBefore(text: string, end: number): number {
  let start = end;
  while (start > 0) {
    const code = text.charCodeAt(start - 1);
    if (!isDigit(code) && code !== DOT) return start;
    start--;
  }
  return start;
}

function endOfText(text: string, end: number): number {
  let last = end;
  while (last > 0 && text.charCodeAt(last - 1) === SPACE) last--;
  return last;
}

/** `12.345678` (one to nine decimals) or a plain counter; null: neither, or beyond 64 bits. */
export function stampOf(clock: string, text: string): Stamp | null {
  const point = text.indexOf(".");
  if (point < 0) return text.length > 18 ? null : { clock, ticks: BigInt(text), decimals: 0 };
  const decimals = text.length - point - 1;
  if (point === 0 || point > 10 || decimals === 0 || decimals > 9 || text.indexOf(".", point + 1) >= 0) return null;
  const whole = Number(text.slice(0, point));
  const fraction = Number(text.slice(point + 1));
  const ticks = whole * 10 ** decimals + fraction;
  if (Number.isSafeInteger(ticks)) return { clock, ticks: BigInt(ticks), decimals };
  const exact = BigInt(whole) * 10n ** BigInt(decimals) + BigInt(fraction);
  return exact > TICKS_MAX ? null : { clock, ticks: exact, decimals };
}

/** The event's name ends at the first colon that a space or the end follows (perf: `iommu:map:`). */
function named(text: string, from: number, actor: Actor, inTask: boolean, stamp: Stamp): TraceRecord {
  let start = from;
  while (text.charCodeAt(start) === SPACE) start++;
  let system = start;
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === SPACE) return { actor, inTask, stamp, name: "", bodyAt: start };
    if (code !== COLON) continue;
    const next = end + 1;
    if (next >= text.length || text.charCodeAt(next) === SPACE) break;
    system = next;
  }
  let bodyAt = end + 1;
  while (text.charCodeAt(bodyAt) === SPACE) bodyAt++;
  return { actor, inTask, stamp, name: text.slice(system, end), bodyAt };
}
