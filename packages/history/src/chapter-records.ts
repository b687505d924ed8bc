/** The record events of a chapter: the state without its areas, and what may matter whatever addresses are asked for. */
import { type ChapterHead, decodeSnapshot } from "@ioasis/codec";
import { type ColdEvent, type ContextState, evolve, type IoasHandle } from "@ioasis/core";

/** A record event that may matter whatever addresses are asked for. */
export interface Landmark {
  readonly version: number;
  readonly event: ColdEvent<IoasHandle>;
}

const LANDMARKS: ReadonlySet<string> = new Set([
  "IoasDestroyed",
  "EventsLost",
  "DeviceAttached",
  "DeviceDetached",
  "DeviceUnbound",
]);
/** Record events that change no state. */
const STILL: ReadonlySet<string> = new Set([
  "ContextCreated",
  "DriverChanged",
  "CallRefused",
  "FaultReported",
  "ClockAnchored",
]);

export class ChapterRecords {
  readonly landmarks: readonly Landmark[];
  readonly #head: ChapterHead;
  /** What changes the state without its areas, in order: a record event, or the handle of a space first named. */
  readonly #changes: readonly { readonly version: number; readonly event: ColdEvent<IoasHandle> | IoasHandle }[];
  #kept: { readonly state: ContextState; readonly until: number; readonly next: number } | null = null;

  constructor(head: ChapterHead) {
    this.#head = head;
    const records = head.records.map((event, i) => ({ version: head.recordVersions[i] as number, event }));
    this.landmarks = records.filter(({ event }) => LANDMARKS.has(event.type));
    const founded = head.founded.map(([version, event]) => ({ version, event }));
    const changing = records.filter(({ event }) => !STILL.has(event.type));
    this.#changes = [...founded, ...changing].sort((a, b) => a.version - b.version);
  }

  /** The state at `version` without its areas and what the chapter's maps spoke of: shared, for looking until the next call. */
  at(version: number): ContextState {
    const kept = this.#kept;
    if (kept !== null && kept.state.version <= version && version < kept.until) return kept.state;
    const isBehind = kept === null || version < kept.state.version;
    const state = isBehind ? this.#start() : kept.state;
    const next = this.#fold(state, isBehind ? 0 : kept.next, version);
    this.#kept = { state, until: this.#changes[next]?.version ?? Number.POSITIVE_INFINITY, next };
    return state;
  }

  /**
   * The same as an object of one's own, and for each space the newest loss of events behind which what it spoke of
   * counts (0: all of the chapter does): a loss is none of a space that was gone.
   */
  freshAt(version: number): { readonly state: ContextState; readonly lostAt: readonly number[] } {
    const state = this.#start();
    const wasDead = state.spaces.map(({ isAlive }) => !isAlive);
    this.#fold(state, 0, version);
    const lostAt = state.spaces.map(({ handle, isAlive }) => {
      if (isAlive) return state.lostAt;
      return wasDead[handle] === true ? 0 : this.#lostBeforeEnd(handle);
    });
    state.version = version;
    return { state, lostAt };
  }

  #start(): ContextState {
    return decodeSnapshot(this.#head.state).state;
  }

  /** Folds the changes from `next` on up to `version`. @returns the first that it left */
  #fold(state: ContextState, next: number, version: number): number {
    let at = next;
    for (; at < this.#changes.length; at++) {
      const change = this.#changes[at];
      if (change === undefined || change.version > version) break;
      if (typeof change.event === "number") state.space(change.event);
      else evolve(state, change.event, change.version);
      state.version = change.version;
    }
    return at;
  }

  #lostBeforeEnd(ioas: IoasHandle): number {
    const end = this.landmarks.findIndex(({ event }) => event.type === "IoasDestroyed" && event.ioas === ioas);
    return this.landmarks.slice(0, Math.max(0, end)).findLast(({ event }) => event.type === "EventsLost")?.version ?? 0;
  }
}
