/**
 * What a range has to do with those before it in the same block: most maps take an IOVA that an unmap gave back, and
 * most unmaps take back what a map made. Such a row is a small number, its link, in place of an address and a length.
 * Both sides keep the same books row by row: writing finds the links, reading follows them.
 *
 * Maps stand in a ring in the order of their rows; an unmap with a link takes its map out and leaves a gap there.
 * Freed ranges lie on piles, one for each length and space; a map with a link takes one.
 *
 * | link | of a map | of an unmap |
 * |---|---|---|
 * | 0 | has none | has none |
 * | 1 ... 16 | the nth of its pile from the top | 1, 3, 5, ...: the first, second, third map behind the newest gap; 2, 4, 6, ...: before it |
 * | 16 + n | | the nth newest map |
 */
import { damaged } from "./damage.ts";

/** Rows of a block. */
const ROWS_MAX = 65_536;
/** Maps on each side of the gap, freed ranges of a pile: as many are looked at. */
const STEPS_MAX = 8;
const DEPTH_MAX = 16;
const AGES_FROM = 2 * STEPS_MAX;
/** Lengths that share a pile by chance cost bytes, no more. */
const PILE_BITS = 10;

/** The ring, by row: the one behind and the one before; `END` is between the newest and the oldest. -1: taken. */
const END = ROWS_MAX;
const after = new Int32Array(ROWS_MAX + 1);
const before = new Int32Array(ROWS_MAX + 1);
/** Rows of all maps, and the number of the map in a row. */
const maps = new Uint32Array(ROWS_MAX);
const numbers = new Uint32Array(ROWS_MAX);
/** Row of the freed range on top of each pile, and of the one under it; -1: none. */
const tops = new Int32Array(1 << PILE_BITS);
const under = new Int32Array(ROWS_MAX);
/** Row of the newest map by a hash of its IOVA; -1: none, or forgotten for another. For writing alone. */
const newest = new Int32Array(2 * ROWS_MAX);

/** The books of one block. Its columns are those of the batch, 64-bit ones in halves. */
export class Links {
  readonly #iova: Uint32Array;
  readonly #last: Uint32Array;
  readonly #ioas: Int32Array;
  #gap = END;
  #maps = 0;
  readonly #newestShift: number;

  /** @param rows among which links are to be found; 0: they are followed */
  constructor(iova: Uint32Array, last: Uint32Array, ioas: Int32Array, rows: number) {
    this.#iova = iova;
    this.#last = last;
    this.#ioas = ioas;
    this.#newestShift = Math.clz32(Math.max(1, rows - 1)) - 1;
    after[END] = END;
    before[END] = END;
    tops.fill(-1);
    if (rows > 0) newest.fill(-1, 0, 2 ** (32 - this.#newestShift));
  }

  /** Finds the link of the map at `row`. */
  ofMap(row: number): number {
    const iova = this.#iova;
    const low = iova[2 * row] as number;
    const high = iova[2 * row + 1] as number;
    const pile = this.#pileOf(row);
    let above = -1;
    let free = tops[pile] as number;
    let link = 1;
    while (free >= 0 && (iova[2 * free] !== low || iova[2 * free + 1] !== high)) {
      above = free;
      free = link++ < DEPTH_MAX ? (under[free] as number) : -1;
    }
    if (free < 0) link = 0;
    else takeFree(pile, above, free);
    newest[this.#place(low, high)] = row;
    this.addMap(row);
    return link;
  }

  /** Finds the link of the unmap at `row`. */
  ofUnmap(row: number): number {
    const iova = this.#iova;
    const last = this.#last;
    const at = 2 * row;
    const map = newest[this.#place(iova[at] as number, iova[at + 1] as number)] as number;
    let link = 0;
    if (
      map >= 0 &&
      (after[map] as number) >= 0 &&
      iova[2 * map] === iova[at] &&
      iova[2 * map + 1] === iova[at + 1] &&
      last[2 * map] === last[at] &&
      last[2 * map + 1] === last[at + 1]
    ) {
      link = this.#stepsTo(map);
      this.#take(map);
    }
    this.addFree(row);
    return link;
  }

  /** The row whose IOVA the map at `row` has. @throws IoasisError ERR_BLOCK */
  followMap(row: number, link: number, lengthLow: number, lengthHigh: number): number {
    if (link > DEPTH_MAX) throw damaged(`link of row ${row}: ${link} is over the limit of ${DEPTH_MAX}`);
    const pile = this.#pileAt(row, lengthLow, lengthHigh);
    let above = -1;
    let free = tops[pile] as number;
    for (let step = 1; step < link && free >= 0; step++) {
      above = free;
      free = under[free] as number;
    }
    if (free < 0) throw damaged(`link of row ${row}: nothing was freed there`);
    takeFree(pile, above, free);
    return free;
  }

  /** The row of the map that the unmap at `row` takes back. @throws IoasisError ERR_BLOCK */
  followUnmap(row: number, link: number): number {
    let map = END;
    if (link > AGES_FROM) {
      if (link - AGES_FROM > this.#maps) throw damaged(`link of row ${row}: no such map`);
      map = maps[this.#maps - (link - AGES_FROM)] as number;
    } else if (link % 2 === 1) {
      map = behind(this.#gap);
      for (let step = 1; step < link; step += 2) map = behind(map);
    } else {
      map = this.#gap === END ? (before[END] as number) : this.#gap;
      for (let step = 2; step < link; step += 2) map = inFront(map);
    }
    if (map === END || (after[map] as number) < 0) throw damaged(`link of row ${row}: the map is gone`);
    this.#take(map);
    return map;
  }

  /** A map whose range is known joins the ring. */
  addMap(row: number): void {
    const tail = before[END] as number;
    after[tail] = row;
    before[row] = tail;
    after[row] = END;
    before[END] = row;
    numbers[row] = this.#maps;
    maps[this.#maps++] = row;
  }

  /** A range that was unmapped goes onto its pile. */
  addFree(row: number): void {
    const pile = this.#pileOf(row);
    under[row] = tops[pile] as number;
    tops[pile] = row;
  }

  #stepsTo(map: number): number {
    let ahead = behind(this.#gap);
    let back = this.#gap === END ? (before[END] as number) : this.#gap;
    for (let step = 0; step < AGES_FROM; step += 2) {
      if (ahead === map) return 1 + step;
      if (back === map) return 2 + step;
      ahead = behind(ahead);
      back = inFront(back);
    }
    return AGES_FROM + this.#maps - (numbers[map] as number);
  }

  #take(map: number): void {
    const next = after[map] as number;
    const previous = before[map] as number;
    after[previous] = next;
    before[next] = previous;
    after[map] = -1;
    this.#gap = previous;
  }

  #pileOf(row: number): number {
    const iovaLow = this.#iova[2 * row] as number;
    const lastLow = this.#last[2 * row] as number;
    const low = lastLow - iovaLow + 1;
    const borrow = lastLow < iovaLow ? 1 : 0;
    const high = (this.#last[2 * row + 1] as number) - (this.#iova[2 * row + 1] as number) - borrow;
    return this.#pileAt(row, low, low >>> 0 === 0 ? high + 1 : high);
  }

  #pileAt(row: number, lengthLow: number, lengthHigh: number): number {
    const key = lengthLow ^ Math.imul(lengthHigh, 0x85eb_ca6b) ^ Math.imul(this.#ioas[row] as number, 0xc2b2_ae35);
    return Math.imul(key, 0x9e37_79b1) >>> (32 - PILE_BITS);
  }

  #place(low: number, high: number): number {
    return Math.imul(low ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b1) >>> this.#newestShift;
  }
}

/** The map behind one of the ring, or behind `END`; `END` where there is none. */
function behind(map: number): number {
  const next = after[map] as number;
  return next === END ? (after[END] as number) : next;
}

function inFront(map: number): number {
  const previous = before[map] as number;
  return previous === END ? (before[END] as number) : previous;
}

function takeFree(pile: number, above: number, free: number): void {
  if (above < 0) tops[pile] = under[free] as number;
  else under[above] = under[free] as number;
}
