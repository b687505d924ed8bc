/** What pages of a chapter hold at most: which of them cannot have an answer is seen without reading them. */
import type { ChapterDirectory } from "@ioasis/codec";

/** Pages whose zones are looked at together first. */
const GROUP_PAGES = 32;

interface Zone {
  readonly leastIova: Float64Array;
  readonly greatestLast: Float64Array;
  readonly leastBorn: Uint32Array;
  readonly greatestEnded: Uint32Array;
}

/** Addresses (`>> ZONE_SHIFT`), and versions from the chapter's first: born up to `bornBy`, ended from `endedFrom` on. */
export interface ZoneQuestion {
  readonly from: number;
  readonly to: number;
  readonly bornBy: number;
  readonly endedFrom: number;
}

export class Zones {
  readonly #pages: Zone & { readonly pages: number };
  readonly #groups: Zone;

  constructor(rows: ChapterDirectory["rows"]) {
    this.#pages = rows;
    const groups = Math.ceil(rows.pages / GROUP_PAGES);
    this.#groups = {
      leastIova: new Float64Array(groups),
      greatestLast: new Float64Array(groups),
      leastBorn: new Uint32Array(groups),
      greatestEnded: new Uint32Array(groups),
    };
    for (let group = 0; group < groups; group++) {
      const from = group * GROUP_PAGES;
      const to = Math.min(rows.pages, from + GROUP_PAGES);
      this.#groups.leastIova[group] = rows.leastIova[from] as number;
      this.#groups.greatestLast[group] = Math.max(...rows.greatestLast.subarray(from, to));
      this.#groups.leastBorn[group] = Math.min(...rows.leastBorn.subarray(from, to));
      this.#groups.greatestEnded[group] = Math.max(...rows.greatestEnded.subarray(from, to));
    }
  }

  /** The pages that may hold what is asked for, by address; `visit` ends the search by answering true. */
  some(asked: ZoneQuestion, visit: (page: number) => boolean): void {
    const groups = this.#groups;
    const { pages } = this.#pages;
    for (let group = 0; group < groups.leastIova.length; group++) {
      if ((groups.leastIova[group] as number) > asked.to) return;
      if (!touches(groups, group, asked)) continue;
      const end = Math.min(pages, (group + 1) * GROUP_PAGES);
      for (let page = group * GROUP_PAGES; page < end; page++) {
        if ((this.#pages.leastIova[page] as number) > asked.to) return;
        if (touches(this.#pages, page, asked) && visit(page)) return;
      }
    }
  }

  /** The same from above; `visit` answers the least address that still counts. */
  downwards(asked: ZoneQuestion, visit: (page: number) => number): void {
    const groups = this.#groups;
    const { pages } = this.#pages;
    let question = asked;
    for (let group = groups.leastIova.length - 1; group >= 0; group--) {
      if ((groups.leastIova[group] as number) > question.to || !touches(groups, group, question)) continue;
      for (let page = Math.min(pages, (group + 1) * GROUP_PAGES) - 1; page >= group * GROUP_PAGES; page--) {
        if ((this.#pages.leastIova[page] as number) > question.to || !touches(this.#pages, page, question)) continue;
        question = { ...question, from: visit(page) };
      }
    }
  }
}

function touches(zone: Zone, index: number, { from, bornBy, endedFrom }: ZoneQuestion): boolean {
  return (
    (zone.greatestLast[index] as number) >= from &&
    (zone.leastBorn[index] as number) <= bornBy &&
    (zone.greatestEnded[index] as number) >= endedFrom
  );
}
