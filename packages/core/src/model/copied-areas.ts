/** Areas made by IOMMU_IOAS_COPY, and the maps whose pages they share: no more of them than there are areas. */
import type { IoasEvent } from "../events.ts";
import type { ContextState } from "../state.ts";
import type { SavedCopy } from "./saved-model.ts";

export class CopiedAreas {
  /** Version of an area to the version of its MAP (`Environment.copies`). */
  readonly maps = new Map<number, number>();
  /** An area that is cut is several, each with the version of the whole. */
  readonly #pieces = new Map<number, number>();

  constructor(saved: readonly SavedCopy[] = []) {
    for (const [version, map, pieces] of saved) {
      this.maps.set(version, map);
      this.#pieces.set(version, pieces);
    }
  }

  save(): SavedCopy[] {
    return [...this.maps].map(([version, map]) => [version, map, this.#pieces.get(version) ?? 0]);
  }

  add(version: number, map: number): void {
    this.maps.set(version, map);
    this.#pieces.set(version, 1);
  }

  /** Drops what an event ends, told before it is folded into `state`. */
  forget(event: IoasEvent, state: ContextState): void {
    if (this.maps.size === 0) return;
    if (event.type === "IoasDestroyed") {
      for (const { version } of state.space(event.ioas).areas.all()) this.#count(version, -1);
      return;
    }
    if (event.type !== "IovaUnmapped" || event.bytes === 0n) return;
    const { iova: first, last } = event;
    for (const area of state.space(event.ioas).areas.in(first, last)) {
      const left = (area.iova < first ? 1 : 0) + (area.last > last ? 1 : 0);
      this.#count(area.version, left - 1);
    }
  }

  #count(version: number, more: number): void {
    const pieces = this.#pieces.get(version);
    if (pieces === undefined) return;
    if (pieces + more > 0) {
      this.#pieces.set(version, pieces + more);
      return;
    }
    this.#pieces.delete(version);
    this.maps.delete(version);
  }
}
