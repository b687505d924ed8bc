/** How the newest mapping of a range that is gone came to its end. */
import { type ColdEvent, eventAt, type IoasHandle, TYPE_MAPPED, TYPE_UNMAPPED } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import type { Row } from "./event-mark.ts";
import { type Scope, tookAway, touchingBackwards } from "./touching.ts";

export interface Ending {
  /** The unmap, or the end of the window or the space; null: nothing that was mapped went away. */
  readonly ended: Row | null;
  /** The map that it ended; null with `ended` set: made before the recording, or lost. */
  readonly mapped: Row | null;
  /** The event at which `stopsAt` broke off the search before an ending was found. */
  readonly stopped: Row | null;
  /** How many times the recorder lost events after the map (or in all that was searched). */
  readonly gaps: number;
}

/**
 * Searches from version `to` backwards. `stopsAt`: a rare event before which nothing counts.
 */
export function lastEnding(
  journal: Journal,
  context: string,
  scope: Scope,
  to: number,
  stopsAt: (event: ColdEvent<IoasHandle>) => boolean = () => false,
): Ending {
  const alsoCold = (event: ColdEvent<IoasHandle>): boolean => event.type === "EventsLost" || stopsAt(event);
  const search = new Search(stopsAt);
  for (const row of touchingBackwards(journal, context, { ...scope, alsoCold }, to)) if (search.step(row)) break;
  return search.ending();
}

class Search {
  #ended: Row | null = null;
  #endedIn: number | null = null;
  #mapped: Row | null = null;
  #stopped: Row | null = null;
  #gaps = 0;
  /** Ends of whole spaces and windows: they ended the mapping if it was still there. */
  readonly #wholesale = new Map<number, Row>();
  readonly #stopsAt: (event: ColdEvent<IoasHandle>) => boolean;

  constructor(stopsAt: (event: ColdEvent<IoasHandle>) => boolean) {
    this.#stopsAt = stopsAt;
  }

  /** Takes the next older row. @returns whether the search is over */
  step(row: Row): boolean {
    const type = row.batch.type[row.row] as number;
    const ioas = row.batch.ioas[row.row] as number;
    if (type === TYPE_MAPPED) return this.#onMap(row, ioas);
    if (type === TYPE_UNMAPPED) return tookAway(row) && this.#onUnmap(row, ioas);
    return this.#onCold(row);
  }

  ending(): Ending {
    return { ended: this.#ended, mapped: this.#mapped, stopped: this.#stopped, gaps: this.#gaps };
  }

  #onMap(row: Row, ioas: number): boolean {
    const wholesale = this.#wholesale.get(ioas);
    if (this.#ended === null && wholesale !== undefined) {
      this.#ended = wholesale;
      this.#endedIn = ioas;
    }
    // Without an ending this mapping is still there.
    if (this.#ended === null || this.#endedIn !== ioas) return false;
    this.#mapped = row;
    return true;
  }

  #onUnmap(row: Row, ioas: number): boolean {
    // Two endings without a map between: the map of the later one is not in the record.
    if (this.#ended !== null) return this.#endedIn === ioas;
    this.#ended = row;
    this.#endedIn = ioas;
    return false;
  }

  #onCold(row: Row): boolean {
    const event = eventAt(row.batch, row.row);
    switch (event.type) {
      case "EventsLost":
        this.#gaps++;
        return false;
      case "IoasDestroyed":
      case "WindowRemoved":
        if (this.#ended !== null) return event.type === "IoasDestroyed" && this.#endedIn === event.ioas;
        this.#wholesale.set(event.ioas, row);
        return false;
      case "DeviceAttached":
      case "DeviceDetached":
        if (this.#ended !== null || !this.#stopsAt(event)) return false;
        this.#stopped = row;
        return true;
      default:
        return false;
    }
  }
}
