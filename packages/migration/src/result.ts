import type { SourcePhase } from "./phase.ts";

export type Outcome = "completed" | "refused" | "rolled-back" | "in-doubt";

/** What a migration came to; the last line of `migrate --json`. */
export interface MigrateResult {
  readonly outcome: Outcome;
  /** The phase it was in when that was decided. */
  readonly phase: SourcePhase;
  /** The newest epoch that the source knows. */
  readonly epoch: number;
  readonly versions: number;
  readonly digest: string;
  readonly spaceDigest: string;
  /** From the seal to the claim known here: how long nobody could append. Null: it was not sealed or not claimed. */
  readonly pauseMs: number | null;
  readonly precopySeconds: number;
  /** Bytes of all frames sent. */
  readonly bytes: number;
  /** Null when completed. */
  readonly reason: string | null;
}

/** Told now and then while a migration runs. */
export interface MigrateProgress {
  readonly context: string;
  readonly phase: SourcePhase;
  readonly version: number;
  /** Version that the destination durably holds. */
  readonly acked: number;
  readonly lagEvents: number;
  readonly bytes: number;
}
