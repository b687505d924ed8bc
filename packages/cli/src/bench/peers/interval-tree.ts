/** `@flatten-js/interval-tree`: the interval tree that most JavaScript programs take. */
import type { EventBatch } from "@ioasis/core";
import type { Missing } from "../measure.ts";
import { installed, isMissing } from "./installed.ts";

/** Takes the maps and unmaps of a batch, conflict checks included. */
export type IntervalTree = (batch: EventBatch) => void;

export async function intervalTrees(): Promise<(() => IntervalTree) | Missing> {
  const library = await installed("@flatten-js/interval-tree", () => import("@flatten-js/interval-tree"));
  if (isMissing(library)) return library;
  const { default: Tree } = library;
  return () => {
    const tree = new Tree<bigint>();
    return (batch) => {
      for (let row = 0; row < batch.length; row++) {
        const type = batch.type[row];
        const range: [bigint, bigint] = [batch.iova[row] as bigint, batch.last[row] as bigint];
        if (type === 1) tree.remove(range, range[0]);
        else if (type === 0 && !tree.intersect_any(range)) tree.insert(range, range[0]);
      }
    };
  };
}
