/** The conflicts of one host: as many as a person could read, the rest counted. */
import type { Conflict } from "./conflict.ts";

const CONFLICTS_MAX = 1000;

export class ConflictSink {
  readonly conflicts: Conflict[] = [];
  readonly #unknown = new Set<string>();
  omitted = 0;
  isRefused = false;

  get isFull(): boolean {
    return this.conflicts.length >= CONFLICTS_MAX;
  }

  get unknown(): string[] {
    return [...this.#unknown];
  }

  add(conflict: Conflict): void {
    if (conflict.isRefusal) this.isRefused = true;
    if (this.isFull) this.omitted += 1;
    else this.conflicts.push(conflict);
  }

  /** So many more, of the kind that was added last, are not listed. */
  omit(count: number): void {
    this.omitted += count;
  }

  /** Something could not be checked. */
  leaveOpen(what: string): void {
    this.#unknown.add(what);
  }
}
