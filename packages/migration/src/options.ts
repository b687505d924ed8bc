/** What a migration is asked for. */
import type { Connection, Timers } from "@ioasis/replication";
import type { Journal } from "@ioasis/store";
import type { MigrateProgress } from "./result.ts";

export interface Feed {
  /** Tells the destination at once what was appended; it is noticed within 20 ms anyway. */
  advance(): void;
  /** Aborted when the migration is given up while the feed runs. */
  readonly signal: AbortSignal;
}

export interface MigrateOptions {
  readonly journal: Journal;
  /** May be missing in the journal where `feed` makes it. */
  readonly context: string;
  readonly connection: Connection;
  /** Appends to the context while the destination follows; resolves at the point of switchover. */
  readonly feed?: (feed: Feed) => Promise<void>;
  /** Fence only when the pause is expected to be no longer. Default 300. */
  readonly downtimeLimitMs?: number;
  /** How long the destination may take for one answer. Default 10,000. */
  readonly answerMsMax?: number;
  readonly onProgress?: (progress: MigrateProgress) => void;
  /** Gives up: before the fence the source stays the owner, behind it the context is in doubt. */
  readonly signal?: AbortSignal;
  readonly timers?: Timers;
}
