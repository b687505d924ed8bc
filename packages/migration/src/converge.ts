/** When to fence: once what is left to do fits the limit, by what has been measured. Pure. */

export interface Measured {
  /** Events that were accepted here and that the destination has not acknowledged. */
  readonly lagEvents: number;
  /** Shortest round of question and answer so far. */
  readonly roundMs: number;
  /** Events that the destination made durable per millisecond, in its best round; 0 when nothing is known. */
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

/** Whether another round is worth its time: the last one left less than half of what was there before. */
export function isShrinking(lagEvents: number, lagEventsBefore: number): boolean {
  return lagEvents > 0 && lagEvents * 2 < lagEventsBefore;
}
