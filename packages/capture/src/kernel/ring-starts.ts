/**
 * Where each CPU's ring buffer begins, in a trace that overflowed.
 *
 * ftrace keeps a ring per CPU and drops the oldest records of each, so that the rings of a trace
 * begin at different times. Until the last of them has begun, records of the others' past are
 * missing between those that are there.
 */
import type { ObservedEvent } from "@ioasis/core";

type Lost = ObservedEvent & { readonly type: "EventsLost" };

const OVERRUN = /^# entries-in-buffer\/entries-written: (\d+)\/(\d+)(?:\s+#P:(\d+))?/;

export class RingStarts {
  readonly #begun = new Set<number>();
  /** Rings that the trace has; 0: it did not overflow, or they all began. */
  #rings = 0;

  /** A header line: says what it tells of an overflow. */
  header(text: string): Lost | null {
    const match = OVERRUN.exec(text);
    if (match === null) return null;
    const count = Number(match[2]) - Number(match[1]);
    if (!Number.isSafeInteger(count) || count <= 0) return null;
    this.#rings = Number(match[3] ?? 1);
    const what = "ring buffer overrun before the first record";
    return this.#rings > 1
      ? { type: "EventsLost", count, what: `${what} of each of ${this.#rings} CPUs`, ongoing: true }
      : { type: "EventsLost", count, what };
  }

  /** A record of `cpu`: says when with it the last ring has begun. */
  record(cpu: number | null): Lost | null {
    if (this.#rings < 2 || cpu === null || this.#begun.has(cpu)) return null;
    this.#begun.add(cpu);
    if (this.#begun.size < this.#rings) return null;
    this.#rings = 0;
    return { type: "EventsLost", count: 0, what: `CPU ${cpu}'s ring begins: from here on no record is missing` };
  }
}
