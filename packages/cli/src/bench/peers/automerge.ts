/** Automerge with one change an event: what a CRDT costs where it carries the history itself. */
import { type EventBatch, eventAt, hex } from "@ioasis/core";
import type { Missing, Peer } from "../measure.ts";
import { installed, isMissing } from "./installed.ts";

/** Adds each event to a list in a change of its own, and gives the change to a second document. */
export async function automergePerEvent(batch: EventBatch): Promise<Peer | Missing> {
  const library = await installed("@automerge/automerge", () => import("@automerge/automerge"));
  if (isMissing(library)) return library;
  const events = Array.from({ length: batch.length }, (_, row) => plain(eventAt(batch, row)));
  return {
    name: `Automerge, a change an event, both in one process, ${events.length.toLocaleString("en")} events`,
    run() {
      let here = library.from<{ events: unknown[] }>({ events: [] });
      let there = library.clone(here);
      const from = performance.now();
      for (const event of events) {
        here = library.change(here, (document) => void document.events.push(event));
        const change = library.getLastLocalChange(here);
        if (change !== undefined) [there] = library.applyChanges(there, [change]);
      }
      return events.length / ((performance.now() - from) / 1000);
    },
  };
}

function plain(event: object): unknown {
  return JSON.parse(JSON.stringify(event, (_, value: unknown) => (typeof value === "bigint" ? hex(value) : value)));
}
