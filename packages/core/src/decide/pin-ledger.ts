/**
 * What page tables hold pinned now, kept from call to call: a MAP under RLIMIT_MEMLOCK need not walk all areas.
 *
 * A ledger watches the areas of the spaces that have page tables. It holds nothing that cannot be had again from the
 * state: where it falls behind, or is asked about another machine, it forgets all and begins anew.
 */
import { type Area, areaOf } from "../area.ts";
import type { Environment } from "../profile/environment.ts";
import type { ContextState, Space } from "../state.ts";
import { PinnedRanges } from "./pinned-ranges.ts";
import { pagesOfArea } from "./pinning.ts";

/** What the count depends on beside the state; a copy, since a replay changes its environment in place. */
type Machine = Pick<Environment, "pageSize" | "copies" | "lockedUpTo">;

/** Changes of areas that are kept for the next call; more, and counting anew costs less memory. */
const CHANGES_MAX = 65_536;

const LEDGERS = new WeakMap<ContextState, PinLedger>();

/** The ledger of a state as it is now. */
export function pinLedgerOf(state: ContextState, environment: Environment): PinLedger {
  let ledger = LEDGERS.get(state);
  if (ledger === undefined) {
    ledger = new PinLedger();
    LEDGERS.set(state, ledger);
  }
  ledger.catchUp(state, environment);
  return ledger;
}

export class PinLedger {
  /** Bytes that count against RLIMIT_MEMLOCK. */
  chargedBytes = 0n;
  /** By the version of the MAP that made them. */
  readonly #pages = new Map<number, PinnedRanges>();
  /** Of copies that are counted, by version: the MAP that they were counted for, and how many pieces of them are left. */
  readonly #copies = new Map<number, { readonly map: number; pieces: number }>();
  readonly #watched = new Set<Space>();
  #changes: { readonly area: Area; readonly change: 1 | -1 }[] = [];
  #isBehind = false;
  /** What it was counted for. */
  #machine: Machine | null = null;

  /** What is pinned of the pages that a MAP made; null: nothing. */
  rangesOf(map: number): PinnedRanges | null {
    return this.#pages.get(map) ?? null;
  }

  catchUp(state: ContextState, environment: Environment): void {
    if (this.#isBehind || !this.#isOf(environment)) this.#beginAnew(environment);
    for (const { area, change } of this.#changes) this.#count(area, change, environment);
    this.#changes = [];
    for (const space of this.#watched)
      if (!space.isAlive || state.pageTablesOf(space.handle).length === 0) this.#leave(space, environment);
    for (const space of state.liveSpaces)
      if (!this.#watched.has(space) && state.pageTablesOf(space.handle).length > 0) this.#join(space, environment);
  }

  #isOf({ pageSize, copies, lockedUpTo }: Machine): boolean {
    const known = this.#machine;
    return known?.pageSize === pageSize && known.copies === copies && known.lockedUpTo === lockedUpTo;
  }

  #join(space: Space, environment: Environment): void {
    this.#watched.add(space);
    space.areas.watcher = {
      came: (store, row) => this.#note(areaOf(store, row), 1),
      gone: (store, row) => this.#note(areaOf(store, row), -1),
    };
    for (const area of space.areas.all()) this.#count(area, 1, environment);
  }

  #leave(space: Space, environment: Environment): void {
    this.#watched.delete(space);
    space.areas.watcher = null;
    for (const area of space.areas.all()) this.#count(area, -1, environment);
  }

  /** Which MAP made the pages of a copy may be known only later: it is looked up at the next call. */
  #note(area: Area, change: 1 | -1): void {
    if (this.#changes.length < CHANGES_MAX) this.#changes.push({ area, change });
    else this.#isBehind = true;
  }

  #count(area: Area, change: 1 | -1, environment: Environment): void {
    const pages = pagesOfArea(area, area.iova, area.last, environment);
    if (pages === null || pages.map === null) return;
    const { bytes } = pages;
    // Once the last piece of a copy is gone, its MAP may be forgotten elsewhere.
    const map = this.#copies.get(area.version)?.map ?? pages.map;
    if (map !== area.version) this.#countCopy(area.version, map, change);
    let ranges = this.#pages.get(map);
    if (ranges === undefined) {
      ranges = new PinnedRanges();
      this.#pages.set(map, ranges);
    }
    const changed = change === 1 ? ranges.pin(bytes) : -ranges.unpin(bytes);
    if (ranges.isEmpty) this.#pages.delete(map);
    if (map > environment.lockedUpTo) this.chargedBytes += changed;
  }

  #countCopy(version: number, map: number, change: 1 | -1): void {
    const copy = this.#copies.get(version) ?? { map, pieces: 0 };
    copy.pieces += change;
    if (copy.pieces === 0) this.#copies.delete(version);
    else this.#copies.set(version, copy);
  }

  #beginAnew({ pageSize, copies, lockedUpTo }: Machine): void {
    for (const space of this.#watched) space.areas.watcher = null;
    this.#watched.clear();
    this.#pages.clear();
    this.#copies.clear();
    this.#changes = [];
    this.#isBehind = false;
    this.#machine = { pageSize, copies, lockedUpTo };
    this.chargedBytes = 0n;
  }
}
