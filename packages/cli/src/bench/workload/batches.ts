/** Events of a workload in batches, as a journal and a replay take them. */
import { EventBatch, type IoasEvent } from "@ioasis/core";
import type { Churn } from "./churn.ts";

/** What an import appends at a time. */
export const BATCH_ROWS = 8_192;
const NO_ENVELOPE = { stamp: null, actor: null, errno: null, line: 0 };

/** `events` events of `churn` as the versions from `first` on. */
export function* churnBatches(churn: Churn, first: number, events: number): Generator<EventBatch> {
  for (let done = 0; done < events; ) {
    const batch = new EventBatch(1, first + done, Math.min(BATCH_ROWS, events - done));
    churn.fill(batch);
    done += batch.length;
    yield batch;
  }
}

/** From version 1 on. */
export function* eventBatches(events: Iterable<IoasEvent>): Generator<EventBatch> {
  let batch = new EventBatch(1, 1, BATCH_ROWS);
  for (const event of events) {
    if (batch.isFull) {
      yield batch;
      batch = new EventBatch(1, batch.lastVersion + 1, BATCH_ROWS);
    }
    batch.push(event, NO_ENVELOPE);
  }
  if (batch.length > 0) yield batch;
}
