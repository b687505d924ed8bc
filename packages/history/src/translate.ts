/**
 * `translate`: dirty bits by IOVA to guest-physical ranges, by the mappings of a version.
 *
 * A device marks what it writes by IOVA, a migration copies guest memory: behind a virtual IOMMU the two are
 * joined only by the mappings that were there when the bit was set.
 */
import { type Area, hex, type IoasHandle, IoasisError, type Range } from "@ioasis/core";
import type { Journal } from "@ioasis/store";
import type { RangeJson } from "./at.ts";
import { indexOf } from "./context-index.ts";
import { contextNotes } from "./context-notes.ts";
import { type Narrowing, spacesOf } from "./narrowing.ts";

export interface TranslateAnswer {
  readonly context: string;
  readonly version: number;
  readonly ioas: string;
  /** Bytes, as hex. */
  readonly pageSize: string;
  readonly dirtyPages: number;
  /** Guest-physical, ascending, merged. */
  readonly ranges: readonly RangeJson[];
  /** IOVAs that are dirty and not mapped. */
  readonly unmapped: readonly RangeJson[];
  /** IOVAs that are dirty and mapped, but the record does not tell to which guest-physical address. */
  readonly untold: readonly RangeJson[];
  readonly notes: readonly string[];
}

/** The bits as the kernel writes them (iommufd's `bitmap->data`): bit 0 of byte 0 is the first page of `range`. */
export interface DirtyBits {
  readonly bytes: Uint8Array;
  readonly range: Range;
  /** Bytes; a power of two. */
  readonly pageSize: bigint;
}

const WORD_BYTES = 8;

/** @throws IoasisError ERR_USAGE: range, page size and bitmap do not fit, or several spaces could be meant; ERR_VERSION */
export function translateDirty(
  journal: Journal,
  context: string,
  bits: DirtyBits,
  version: number,
  narrowing: Narrowing = {},
): TranslateAnswer {
  checkBits(bits);
  const state = indexOf(journal, context).stateAt(version);
  const spaces = spacesOf(state, narrowing);
  const candidates = state.liveSpaces.filter(({ handle }) => spaces === null || spaces.has(handle));
  const [space, ...others] = candidates;
  if (space === undefined || others.length > 0) throw ambiguous(context, version, candidates);
  const found = new Translation();
  let pages = 0;
  for (const run of dirtyRuns(bits)) {
    pages += Number((run.last - run.first + 1n) / bits.pageSize);
    found.add(run, space.areas.list(run.first, run.last));
  }
  return {
    context,
    version,
    ioas: `ioas${space.handle}`,
    pageSize: hex(bits.pageSize),
    dirtyPages: pages,
    ranges: merged(found.guest).map(toJson),
    unmapped: merged(found.unmapped).map(toJson),
    untold: merged(found.untold).map(toJson),
    notes: [...contextNotes(state, new Set([space.handle])), ...found.notes()],
  };
}

class Translation {
  readonly guest: Range[] = [];
  readonly unmapped: Range[] = [];
  readonly untold: Range[] = [];
  #unwritable = 0;

  /** `areas`: those that touch `run`, ascending. */
  add({ first, last }: Range, areas: readonly Area[]): void {
    let next: bigint = first;
    for (const area of areas) {
      const from = area.iova > next ? area.iova : (next as typeof area.iova);
      const to = area.last < last ? area.last : last;
      if (from > next) this.unmapped.push({ first: next, last: from - 1n } as Range);
      this.#translate(area, from, to);
      next = to + 1n;
    }
    if (next <= last) this.unmapped.push({ first: next, last } as Range);
  }

  notes(): string[] {
    return this.#unwritable === 0
      ? []
      : [
          `${this.#unwritable} dirty ranges lie in mappings that a device may not write: the bits are of another version, or wrong.`,
        ];
  }

  #translate({ iova, source, prot }: Area, from: bigint, to: bigint): void {
    if (prot === "r") this.#unwritable++;
    if (source.kind !== "gpa") this.untold.push({ first: from, last: to } as Range);
    else this.guest.push({ first: source.gpa + (from - iova), last: source.gpa + (to - iova) } as Range);
  }
}

/** Runs of dirty pages, ascending. */
function* dirtyRuns({ bytes, range, pageSize }: DirtyBits): Generator<Range> {
  const pages = pagesOf(range, pageSize);
  let from = -1;
  for (let page = 0; page <= pages; page++) {
    // Whole clean bytes are passed over: most of a bitmap is.
    if (from < 0 && (page & 7) === 0) while (page < pages && bytes[page >>> 3] === 0) page += 8;
    const isDirty = page < pages && (((bytes[page >>> 3] as number) >> (page & 7)) & 1) === 1;
    if (isDirty && from < 0) from = page;
    if (isDirty || from < 0) continue;
    const first = range.first + BigInt(from) * pageSize;
    yield { first, last: range.first + BigInt(page) * pageSize - 1n } as Range;
    from = -1;
  }
}

function checkBits({ bytes, range, pageSize }: DirtyBits): void {
  const { first, last } = range;
  if (pageSize <= 0n || (pageSize & (pageSize - 1n)) !== 0n)
    throw new IoasisError("ERR_USAGE", `page size ${pageSize}: it must be a power of two`);
  if (first % pageSize !== 0n || (last + 1n) % pageSize !== 0n) {
    const message = `--iova ${hex(first)}-${hex(last)} does not begin and end at pages of ${hex(pageSize)}: give the range that the bitmap was asked for`;
    throw new IoasisError("ERR_USAGE", message, { iova: hex(first) });
  }
  const pages = pagesOf(range, pageSize);
  const exact = Math.ceil(pages / 8);
  const words = Math.ceil(exact / WORD_BYTES) * WORD_BYTES;
  if (bytes.length < exact || bytes.length > words) {
    const message = `the bitmap has ${bytes.length} bytes, ${pages} pages need ${exact}${exact === words ? "" : ` (${words} in whole words)`}: check --iova and --page-size`;
    throw new IoasisError("ERR_USAGE", message, { bytes: bytes.length, pages });
  }
  for (let page = pages; page < bytes.length * 8; page++)
    if ((((bytes[page >>> 3] as number) >> (page & 7)) & 1) === 1)
      throw new IoasisError("ERR_USAGE", `bit ${page} is set, behind the last page of --iova: check the range`, {
        page,
      });
}

/** The caller has seen that the range is whole pages; more than a bitmap can have is refused by its length. */
function pagesOf({ first, last }: Range, pageSize: bigint): number {
  return Number((last - first + 1n) / pageSize);
}

function merged(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const result: Range[] = [];
  for (const range of sorted) {
    const before = result.at(-1);
    if (before === undefined || range.first > before.last + 1n) result.push(range);
    else if (range.last > before.last) result[result.length - 1] = { first: before.first, last: range.last };
  }
  return result;
}

function ambiguous(
  context: string,
  version: number,
  candidates: readonly { readonly handle: IoasHandle }[],
): IoasisError {
  if (candidates.length === 0)
    return new IoasisError("ERR_USAGE", `${context} has no space at version ${version}: choose another --at`);
  const names = candidates.map(({ handle }) => `ioas${handle}`).slice(0, 8);
  return new IoasisError(
    "ERR_USAGE",
    `${context} has ${candidates.length} spaces at version ${version}: say with --ioas or --device whose bits these are (${names.join(", ")})`,
  );
}

function toJson({ first, last }: Range): RangeJson {
  return [hex(first), hex(last)];
}
