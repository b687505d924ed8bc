/** `compare`: the state against page-table dumps of the hardware, page by page. */
import { type ContextState, hex, PROTS, type Prot } from "@ioasis/core";
import { type Narrowing, spacesOf } from "./narrowing.ts";
import { agrees, at, type PageRun, runsOfDumps, runsOfState } from "./page-runs.ts";

/** A leaf of a page table; `length` may be a superpage. */
export interface DumpPage {
  readonly iova: bigint;
  readonly paddr: bigint;
  readonly length: bigint;
  readonly prot: Prot;
}

export type PageDump = readonly DumpPage[];

export interface PageSide {
  /** Null: the record does not tell. */
  readonly paddr: string | null;
  readonly prot: Prot;
}

export interface PageDifference {
  readonly iova: string;
  /** Null: not mapped there. */
  readonly here: PageSide | null;
  readonly dump: PageSide | null;
}

export interface CompareAnswer {
  readonly equal: boolean;
  /** Pages of 4 KiB; `both`: on both sides and the same as far as both tell. */
  readonly pages: {
    readonly both: number;
    readonly onlyHere: number;
    readonly onlyDump: number;
    readonly different: number;
  };
  readonly first: readonly PageDifference[];
}

const FIRST_MAX = 10;

/**
 * Several dumps are taken together, as are all spaces that are not narrowed away. Physical addresses
 * and rights are compared where the record tells them.
 * @throws IoasisError ERR_USAGE as `spacesOf`
 */
export function comparePages(
  state: ContextState,
  dumps: readonly PageDump[],
  narrowing: Narrowing = {},
): CompareAnswer {
  const here = runsOfState(state, spacesOf(state, narrowing));
  const dump = runsOfDumps(dumps);
  const tally = new Tally();
  let i = 0;
  let j = 0;
  let page = 0;
  for (;;) {
    const mine = here[i];
    const theirs = dump[j];
    if (mine === undefined && theirs === undefined) break;
    page = Math.max(page, Math.min(mine?.page ?? Number.POSITIVE_INFINITY, theirs?.page ?? Number.POSITIVE_INFINITY));
    const isMine = mine !== undefined && mine.page <= page;
    const isTheirs = theirs !== undefined && theirs.page <= page;
    const end = Math.min(borderAfter(mine, isMine), borderAfter(theirs, isTheirs));
    if (isMine || isTheirs) tally.add(page, end - page, isMine ? mine : null, isTheirs ? theirs : null);
    page = end;
    if (mine !== undefined && mine.page + mine.count <= page) i++;
    if (theirs !== undefined && theirs.page + theirs.count <= page) j++;
  }
  return tally.answer();
}

/** Where the next change on one side is: the end of a run that has begun, else its beginning. */
function borderAfter(run: PageRun | undefined, hasBegun: boolean): number {
  if (run === undefined) return Number.POSITIVE_INFINITY;
  return hasBegun ? run.page + run.count : run.page;
}

class Tally {
  readonly #pages = { both: 0, onlyHere: 0, onlyDump: 0, different: 0 };
  readonly #first: PageDifference[] = [];

  /** `count` pages from `page` on that lie in the same run, or none, on either side. */
  add(page: number, count: number, here: PageRun | null, dump: PageRun | null): void {
    if (here !== null && dump !== null && agrees(here, dump, page)) {
      this.#pages.both += count;
      return;
    }
    if (here === null) this.#pages.onlyDump += count;
    else if (dump === null) this.#pages.onlyHere += count;
    else this.#pages.different += count;
    for (let next = page; next < page + count && this.#first.length < FIRST_MAX; next++)
      this.#first.push({ iova: hex(BigInt(next) << 12n), here: sideAt(here, next), dump: sideAt(dump, next) });
  }

  answer(): CompareAnswer {
    const { onlyHere, onlyDump, different } = this.#pages;
    return { equal: onlyHere + onlyDump + different === 0, pages: this.#pages, first: this.#first };
  }
}

function sideAt(run: PageRun | null, page: number): PageSide | null {
  if (run === null) return null;
  const frame = at(run, page);
  return { paddr: frame < 0 ? null : hex(BigInt(frame) << 12n), prot: PROTS[run.prot] as Prot };
}
