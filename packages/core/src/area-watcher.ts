/** What follows the areas of a table as they change. */
import type { AreaStore } from "./area-store.ts";

/**
 * Is told of every area that comes or goes; of one that is cut, that it goes and its rest comes. `row` of
 * `store` is readable until the call returns. `version`: of the event that did it.
 */
export interface AreaWatcher {
  came(store: AreaStore, row: number, version: number): void;
  gone(store: AreaStore, row: number, version: number): void;
}
