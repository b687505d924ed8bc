/** The projection of a context while a model adds to it, one event at a time. */
import { EventBatch } from "../event-batch.ts";
import type { IoasEvent } from "../events.ts";
import { applyBatch } from "../evolve.ts";
import { ContextState } from "../state.ts";

const ROWS = 256;
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

export class LiveState {
  readonly state: ContextState;
  #batch = new EventBatch(1, 1, ROWS);

  constructor(state = new ContextState()) {
    this.state = state;
  }

  /** Folds an event as the next version. */
  add(event: IoasEvent): void {
    const { state } = this;
    if (this.#batch.isFull || this.#batch.lastVersion !== state.version)
      this.#batch = new EventBatch(1, state.version + 1, ROWS);
    const row = this.#batch.length;
    this.#batch.push(event, NO_ENVELOPE);
    applyBatch(state, this.#batch, row, row + 1);
  }

  fold(batch: EventBatch, row: number): void {
    applyBatch(this.state, batch, row, row + 1);
  }
}
