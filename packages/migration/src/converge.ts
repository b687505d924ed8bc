/** When to fence: once what is left to do fits the limit, by what has been measured. Pure. */

export interface Measured {
  /** Events appended since the destination confirmed that it is prepared. */
  readonly lagEvents: number;
  /** Shortest round of question and answer so far. */
  readonly roundMs: number;
  /** Events that the destination made durable per millisecond so far; 0 when nothing is known. */
  readonly eventsPerMs: number;
}

/** How long nobody could append if it were fenced now. Infinite when nothing can be said. */
export function expectedPauseMs({ lagEvents, roundMs, eventsPerMs }: Measured): number {
  if (lagEvents === 0) return roundMs;
  return eventsPerMs > 0 ? roundMs + lagEvents / eventsPerMs : Number.POSITIVE_INFINITY;
}

export function fitsLimit(measured: Measured, downtimeLimitMs: number): boolean {
  return expectedPauseMs(measured) <= downtimeLimitMs;
}
