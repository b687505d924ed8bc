/** Ranges with the time of what happened to them, oldest first, by clock: readings of different clocks are never compared. */
import type { Actor, IoasHandle } from "../events.ts";
import { IoasisError } from "../failure.ts";
import { Queue } from "./queue.ts";
import type { Reading } from "./reading.ts";
import type { Rule } from "./rule.ts";

/** Mappings or unmaps that one rule may have under its eyes at once. */
const TIMED_RANGES_MAX = 4_000_000;

export interface TimedRange extends Reading {
  readonly ioas: IoasHandle;
  readonly first: bigint;
  readonly last: bigint;
  readonly version: number;
  readonly actor: Actor | null;
}

export class TimedRanges {
  size = 0;
  readonly #rule: Rule;
  readonly #queues = new Map<string, Queue<TimedRange>>();

  constructor(rule: Rule) {
    this.#rule = rule;
  }

  /** @throws IoasisError ERR_LIMIT */
  push(range: TimedRange): void {
    const queue = this.#queues.get(range.clock);
    if (queue !== undefined) queue.push(range);
    else this.#queues.set(range.clock, new Queue(range));
    if (++this.size <= TIMED_RANGES_MAX) return;
    const { line, name } = this.#rule;
    throw new IoasisError(
      "ERR_LIMIT",
      `line ${line}: rule "${name}" has more than ${TIMED_RANGES_MAX} ranges to watch at once: choose a shorter time`,
      { line },
    );
  }

  /** Takes out the oldest of a clock when it is older than `age` nanoseconds; null: it is not. */
  shiftOlder(clock: string, nanoseconds: bigint, age: bigint): TimedRange | null {
    const queue = this.#queues.get(clock);
    const oldest = queue?.head();
    if (queue === undefined || oldest === undefined || nanoseconds - oldest.nanoseconds <= age) return null;
    queue.shift();
    this.size--;
    if (queue.length === 0) this.#queues.delete(clock);
    return oldest;
  }

  keep(isKept: (range: TimedRange) => boolean): void {
    this.size = 0;
    for (const [clock, queue] of this.#queues) {
      queue.keep(isKept);
      this.size += queue.length;
      if (queue.length === 0) this.#queues.delete(clock);
    }
  }
}
