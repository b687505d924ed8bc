/** `sorted-btree`: what a JavaScript program keeps ordered ranges in. */
import type { EventBatch } from "@ioasis/core";
import type { Missing } from "../measure.ts";
import { installed, isMissing } from "./installed.ts";

export interface Tree {
  set(key: bigint, value: bigint): boolean;
  delete(key: bigint): boolean;
  getPairOrNextLower(key: bigint): [bigint, bigint] | undefined;
}

/** Makes empty trees from a range's first byte to its last. */
export async function sortedTrees(): Promise<(() => Tree) | Missing> {
  const library = await installed("sorted-btree", () => import("sorted-btree"));
  if (isMissing(library)) return library;
  // The package is CommonJS: under Node's ESM its class is one level deeper.
  const BTree = library.default.default;
  return () => new BTree<bigint, bigint>(undefined, (a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Maps and unmaps of a batch, conflict checks included. */
export function applyToTree(tree: Tree, batch: EventBatch): void {
  for (let row = 0; row < batch.length; row++) {
    const type = batch.type[row];
    const iova = batch.iova[row] as bigint;
    if (type === 1) tree.delete(iova);
    else if (type === 0) {
      const last = batch.last[row] as bigint;
      if ((tree.getPairOrNextLower(last)?.[1] ?? -1n) < iova) tree.set(iova, last);
    }
  }
}
