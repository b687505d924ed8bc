/** How the newest mapping of a range that is gone came to its end. */
import type { ColdEvent, IoasHandle } from "@ioasis/core";
import type { ContextIndex } from "./context-index.ts";
import type { HotSighting, RecordSighting, Sighting } from "./sighting.ts";
import { type Scope, touchingBackwards } from "./touching.ts";

export interface Ending {
  /** The unmap, or the end of the window or the space; null: nothing that was mapped went away. */
  readonly ended: Sighting | null;
  /** The map that it ended; null with `ended` set: made before the recording, or lost. */
  readonly mapped: HotSighting | null;
  /** The event at which `stopsAt` broke off the search before an ending was found. */
  readonly stopped: Sighting | null;
  /** How many times the recorder lost events after the map (or in all that was searched). */
  readonly gaps: number;
}

/**
 * Searches from version `to` backwards. `stopsAt`: a rare event before which nothing counts.
 */
export function lastEnding(
  index: ContextIndex,
  scope: Scope,
  to: number,
  stopsAt: (event: ColdEvent<IoasHandle>) => boolean = () => false,
): Ending {
  const alsoCold = (event: ColdEvent<IoasHandle>): boolean => event.type === "EventsLost" || stopsAt(event);
  const search = new Search(stopsAt);
  for (const sighting of touchingBackwards(index, { ...scope, alsoCold }, to)) if (search.step(sighting)) break;
  return search.ending();
}

class Search {
  #ended: Sighting | null = null;
  #endedIn: number | null = null;
  #mapped: HotSighting | null = null;
  #stopped: Sighting | null = null;
  #gaps = 0;
  /** Ends of whole spaces and windows: they ended the mapping if it was still there. */
  readonly #wholesale = new Map<number, Sighting>();
  readonly #stopsAt: (event: ColdEvent<IoasHandle>) => boolean;

  constructor(stopsAt: (event: ColdEvent<IoasHandle>) => boolean) {
    this.#stopsAt = stopsAt;
  }

  /** Takes the next older sighting. @returns whether the search is over */
  step(sighting: Sighting): boolean {
    if ("record" in sighting) return this.#onRecord(sighting);
    if (sighting.type === "IovaMapped") return this.#onMap(sighting);
    if (sighting.type === "IovaUnmapped") return sighting.tookAway && this.#onUnmap(sighting);
    return false;
  }

  ending(): Ending {
    return { ended: this.#ended, mapped: this.#mapped, stopped: this.#stopped, gaps: this.#gaps };
  }

  #onMap(sighting: HotSighting): boolean {
    const ioas = sighting.ioas as IoasHandle;
    const wholesale = this.#wholesale.get(ioas);
    if (this.#ended === null && wholesale !== undefined) {
      this.#ended = wholesale;
      this.#endedIn = ioas;
    }
    // Without an ending this mapping is still there.
    if (this.#ended === null || this.#endedIn !== ioas) return false;
    this.#mapped = sighting;
    return true;
  }

  #onUnmap(sighting: HotSighting): boolean {
    // Two endings without a map between: the map of the later one is not in the record.
    if (this.#ended !== null) return this.#endedIn === sighting.ioas;
    this.#ended = sighting;
    this.#endedIn = sighting.ioas;
    return false;
  }

  #onRecord(sighting: RecordSighting): boolean {
    const event = sighting.record;
    switch (event.type) {
      case "EventsLost":
        this.#gaps++;
        return false;
      case "IoasDestroyed":
      case "WindowRemoved":
        if (this.#ended !== null) return event.type === "IoasDestroyed" && this.#endedIn === event.ioas;
        this.#wholesale.set(event.ioas, sighting);
        return false;
      case "DeviceAttached":
      case "DeviceDetached":
        if (this.#ended !== null || !this.#stopsAt(event)) return false;
        this.#stopped = sighting;
        return true;
      default:
        return false;
    }
  }
}
