/** How long and how often a migration tries. */

/** QEMU's default of `downtime-limit`. */
export const DOWNTIME_LIMIT_MS = 300;
/** The destination answers an offer, a prepare and (after everything is there) a seal within this time. */
export const ANSWER_MS_MAX = 10_000;
/** Precopy without any progress for so long is given up. */
export const STALL_MS_MAX = 30_000;
/** Rounds of `prepare` before it is clear that the rest does not get small enough. */
export const CONVERGE_ROUNDS_MAX = 50;
/** How often the seal waits for an append that is on its way to the disk. */
export const QUIET_ATTEMPTS_MAX = 4;
/** How often it looks whether a feed has made its context. */
export const POLL_MS = 5;
