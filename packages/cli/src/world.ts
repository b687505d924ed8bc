/** What a command may touch of the outside: given to it, never reached for. */
export interface World {
  /** Result lines. */
  out(text: string): void;
  /** Progress, warnings, failures. */
  err(text: string): void;
  /** Standard input, once. */
  input(): AsyncIterable<Uint8Array>;
  /** The wall clock: microseconds since 1970. */
  microseconds(): bigint;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether stderr is a terminal that may show a progress line. */
  readonly isTerminal: boolean;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The script of a thread that decodes (`decode-worker.ts`); absent: there is none. */
  readonly decodeWorker?: URL;
}

/** 0 done; 1 done and the answer is no; 2 wrong usage or unreadable input; 3 an operation failed. */
export type ExitCode = 0 | 1 | 2 | 3;

/** Options that every command takes. */
export interface CommonOptions {
  readonly db?: string;
  readonly json?: boolean;
}

export interface ContextOptions extends CommonOptions {
  readonly context?: string;
}

export interface NarrowedOptions extends ContextOptions {
  readonly ioas?: string;
  readonly device?: string;
}

export interface MomentOptions extends NarrowedOptions {
  readonly at?: string;
}
