/**
 * The line being decoded, and the reading of its fields from left to right.
 *
 * One object is used for all lines and numbers are read by hand: a QEMU log has hundreds of
 * thousands of lines and this is what every one of them passes through.
 */
import type { Actor, Errno, Fact, ObservedEvent, ProfileName, Stamp } from "@ioasis/core";
import type { FactSink } from "../decoder.ts";

/** What a fact takes over from the line that its call was logged on. */
export interface Origin {
  readonly stamp: Stamp | null;
  readonly actor: Actor | null;
  readonly line: number;
}

const NOWHERE: FactSink = { fact: () => undefined, problem: () => undefined };
/** 13 hex digits always fit the 53 bits of a double. */
const EXACT_HEX_DIGITS = 13;

export class TraceLine {
  text = "";
  number = 0;
  stamp: Stamp | null = null;
  actor: Actor | null = null;
  sink: FactSink = NOWHERE;
  /** Next character to read. */
  at = 0;
  /** The first field that was looked for and not found; the line is broken then. */
  missing: string | null = null;

  start(text: string, number: number, sink: FactSink): void {
    this.text = text;
    this.number = number;
    this.sink = sink;
    this.stamp = null;
    this.actor = null;
    this.at = 0;
    this.missing = null;
  }

  origin(): Origin {
    return { stamp: this.stamp, actor: this.actor, line: this.number };
  }

  fact(context: string, profile: ProfileName, event: ObservedEvent, errno: Errno | null = null): void {
    const { stamp, actor, number } = this;
    this.sink.fact({ context, profile, event, errno, stamp, actor, line: number });
  }

  /** A fact whose call an earlier line had logged. */
  settle(fact: Fact): void {
    this.sink.fact(fact);
  }

  problem(reason: string): void {
    this.sink.problem(this.number, reason);
  }

  /** Whether every field was there; says which one was not. */
  isWhole(): boolean {
    if (this.missing === null) return true;
    this.problem(`the field "${this.missing.trim()}" is missing or is no number`);
    return false;
  }

  has(key: string): boolean {
    return this.text.indexOf(key, this.at) >= 0;
  }

  /** The hexadecimal number behind `key`, with or without 0x; `(nil)` is 0. */
  hex(key: string): bigint {
    const { text } = this;
    const found = text.indexOf(key, this.at);
    if (found < 0) return this.#lost(key, 0n);
    let at = found + key.length;
    if (text.charCodeAt(at) === 0x30 && (text.charCodeAt(at + 1) | 0x20) === 0x78) at += 2;
    const start = at;
    let value = 0;
    for (; ; at++) {
      const digit = hexDigit(text.charCodeAt(at));
      if (digit < 0) break;
      value = value * 16 + digit;
    }
    this.at = at;
    const digits = at - start;
    if (digits === 0) return text.startsWith("(nil)", start) ? 0n : this.#lost(key, 0n);
    if (digits <= EXACT_HEX_DIGITS) return BigInt(value);
    return digits <= 16 ? BigInt(`0x${text.slice(start, at)}`) : this.#lost(key, 0n);
  }

  /** The decimal number behind `key`, which may be negative. */
  decimal(key: string): number {
    const { text } = this;
    const found = text.indexOf(key, this.at);
    if (found < 0) return this.#lost(key, 0);
    let at = found + key.length;
    const isNegative = text.charCodeAt(at) === 0x2d;
    if (isNegative) at++;
    const start = at;
    let value = 0;
    for (; ; at++) {
      const digit = text.charCodeAt(at) - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
    }
    this.at = at;
    if (at === start || !Number.isSafeInteger(value)) return this.#lost(key, 0);
    return isNegative ? -value : value;
  }

  /** What stands between `key` and the next `end` (or the end of the line). */
  word(key: string, end: string): string {
    const found = this.text.indexOf(key, this.at);
    if (found < 0) return this.#lost(key, "");
    const start = found + key.length;
    const stop = this.text.indexOf(end, start);
    this.at = stop < 0 ? this.text.length : stop;
    return this.text.slice(start, this.at);
  }

  #lost<T>(key: string, value: T): T {
    this.missing ??= key;
    return value;
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
