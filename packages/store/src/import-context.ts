/** One context of an import: its state, and the rows that wait for the next flush. */
import {
  applyBatch,
  applyWhileRight,
  type ContextState,
  type Drift,
  driftOf,
  type Envelope,
  EventBatch,
  eventAt,
  type IoasEvent,
  type IoasHandle,
  type ProfileName,
  type RangeFact,
} from "@ioasis/core";

/** Rows of one batch, so of one block. */
export const BATCH_ROWS = 16_384;
const BATCH_ROWS_MIN = 64;
/** A snapshot copies what a state has beside mappings: fewer rows are left to the fold of the journal. */
const GIVEN_STATE_ROWS_MIN = 512;

/** Rows of one block, with the facts of the key that it ends after. */
export interface Portion {
  readonly batch: EventBatch;
  readonly facts: number;
  /** The state after the rows where there are many, which the journal so need not fold again. */
  readonly state: ContextState | null;
}

export interface ImportContextOptions {
  /** The decoder's key. */
  readonly key: string;
  readonly name: string;
  readonly profile: ProfileName;
  /** The journal does not have it yet. */
  readonly isNew: boolean;
  readonly epoch: number;
  /** Its own: rows are folded into it as they come. */
  readonly state: ContextState;
  /** Room for the first rows; those that follow get what the rows before needed. */
  readonly rows: number;
}

export class ImportContext {
  readonly key: string;
  readonly name: string;
  readonly profile: ProfileName;
  readonly state: ContextState;
  isNew: boolean;
  /** Facts seen of the key, known ones included. */
  facts = 0;
  readonly #epoch: number;
  /** Null: nothing waits. Thousands of contexts may be idle, and room for rows is most of what one takes. */
  #batch: EventBatch | null = null;
  /** Batches that filled up since the last flush. */
  #full: Portion[] = [];
  #rows: number;
  /** Of the ranges that wait to be folded: a source that gives ranges has one. */
  #rangeProfile: ProfileName = "unknown";

  constructor({ key, name, profile, isNew, epoch, state, rows }: ImportContextOptions) {
    this.key = key;
    this.name = name;
    this.profile = profile;
    this.isNew = isNew;
    this.state = state;
    this.#epoch = epoch;
    this.#rows = rows;
  }

  get isFull(): boolean {
    return this.#batch?.isFull === true;
  }

  get isIdle(): boolean {
    return this.#batch === null;
  }

  /** Adds an event that the current fact stands for, and folds it. @returns its version */
  push(event: IoasEvent, envelope: Envelope): number {
    let batch = this.#batch;
    if (batch === null || batch.isFull) batch = this.#next(batch);
    batch.push(event, envelope);
    applyBatch(this.state, batch, batch.length - 1, batch.length);
    return batch.lastVersion;
  }

  /**
   * Adds an event that `range` stands for, in space `ioas`. It is folded later, together with others: by `fold`,
   * which is to be called before the state is looked at.
   */
  pushRange(range: RangeFact, ioas: IoasHandle): void {
    let batch = this.#batch;
    if (batch === null || batch.isFull) batch = this.#next(batch);
    batch.pushRange(range, ioas);
    this.#rangeProfile = range.profile;
  }

  /** Folds the ranges that wait for it; `onDrift` is told of those that contradict what was there, with their rows. */
  fold(onDrift: (drift: Drift, batch: EventBatch, row: number) => void): void {
    const batch = this.#batch;
    if (batch === null) return;
    const { state } = this;
    for (let row = state.version + 1 - batch.firstVersion; row < batch.length; ) {
      row = applyWhileRight(state, batch, row, batch.length);
      if (row === batch.length) return;
      const drift = driftOf(state, eventAt(batch, row), null, this.#rangeProfile);
      if (drift !== null) onDrift(drift, batch, row);
      applyBatch(state, batch, row, row + 1);
      row++;
    }
  }

  /** Gives out what waits, in order. */
  take(): Portion[] {
    const portions = this.#full;
    this.#full = [];
    if (this.#batch !== null) {
      portions.push(this.#portion(this.#batch, this.facts));
      const needed = portions.reduce((sum, { batch }) => sum + batch.length, 0);
      this.#rows = roomFor(needed);
    }
    this.#batch = null;
    return portions;
  }

  /** Of a batch whose rows are all folded, and none that came after them. */
  #portion(batch: EventBatch, facts: number): Portion {
    return { batch, facts, state: batch.length < GIVEN_STATE_ROWS_MIN ? null : this.state.snapshot() };
  }

  #next(full: EventBatch | null): EventBatch {
    if (full !== null) {
      // The current fact is not among them: its events may be in both.
      this.#full.push(this.#portion(full, this.facts - 1));
      this.#rows = Math.min(2 * full.capacity, BATCH_ROWS);
    }
    this.#batch = new EventBatch(this.#epoch, this.state.version + 1, Math.max(this.#rows, BATCH_ROWS_MIN));
    return this.#batch;
  }
}

/** A power of two from `rows` on, within the bounds of a batch. */
function roomFor(rows: number): number {
  let room = BATCH_ROWS_MIN;
  while (room < rows && room < BATCH_ROWS) room *= 2;
  return room;
}
