/** What an import came to: the JSON of `ioasis import`. */
import type { DriftReport } from "@ioasis/store";

/** Problems listed by line for one file; further ones are counted. */
export const PROBLEMS_LISTED_MAX = 10_000;
/** Drift listed for one command; further is counted. */
export const DRIFT_LISTED_MAX = 100_000;

export interface Problem {
  readonly line: number;
  readonly reason: string;
}

export interface FileReport {
  readonly file: string;
  readonly format: string;
  lines: number;
  recognised: number;
  /** Lines that are no record of the format, or broken. */
  unread: number;
  /** Versions that this import added. */
  events: number;
  /** Facts of this file that the journal had before. */
  known: number;
  faults: number;
  /** Events that the recorder says it lost. */
  lost: number;
  readonly problems: Problem[];
  problemsTotal: number;
  readonly contexts: string[];
}

export interface ImportReport {
  readonly files: FileReport[];
  readonly contexts: { context: string; versions: number }[];
  readonly drift: DriftReport[];
  driftTotal: number;
}

/** Every problem counts; the first ones are kept. */
export function noteProblem(report: FileReport, line: number, reason: string): void {
  report.problemsTotal++;
  if (report.problems.length < PROBLEMS_LISTED_MAX) report.problems.push({ line, reason });
}
