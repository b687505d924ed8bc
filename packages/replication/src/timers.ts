/** Time as a port, so that a simulation can drive every wait. It is measured, never used to order events. */
export interface Timers {
  /** Milliseconds from some moment on; never goes back. */
  nowMs(): number;
  /** The wall clock, RFC 3339, for people. */
  wallTime(): string;
  /** Calls `run` once after `ms`; the result cancels it. */
  after(ms: number, run: () => void): () => void;
}

export const systemTimers: Timers = {
  nowMs: () => performance.now(),
  wallTime: () => new Date().toISOString(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};
