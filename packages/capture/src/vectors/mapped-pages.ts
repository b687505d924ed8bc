/**
 * What the calls so far mapped in one space, as far as they told.
 *
 * A copy's record names only where it copied from; whose pages those are was said when they were
 * mapped. (Vector files are small: a sorted array is enough.)
 */
import type { Source } from "@ioasis/core";

export interface MappedPiece {
  readonly first: bigint;
  readonly last: bigint;
  /** Of byte `first`. */
  readonly source: Source;
  /** Whether the pages were first mapped with WRITEABLE, which decides what copies may ask for. */
  readonly writable: boolean;
}

export class MappedPages {
  #pieces: MappedPiece[] = [];

  add(piece: MappedPiece): void {
    this.remove(piece.first, piece.last);
    this.#pieces.splice(this.#indexAbove(piece.first), 0, piece);
  }

  /** Forgets every piece that touches `[first, last]`. */
  remove(first: bigint, last: bigint): void {
    const from = this.#firstTouching(first);
    let to = from;
    while (to < this.#pieces.length && (this.#pieces[to] as MappedPiece).first <= last) to++;
    if (to > from) this.#pieces.splice(from, to - from);
  }

  /** The pieces that touch `[first, last]`, ascending. */
  in(first: bigint, last: bigint): readonly MappedPiece[] {
    const from = this.#firstTouching(first);
    let to = from;
    while (to < this.#pieces.length && (this.#pieces[to] as MappedPiece).first <= last) to++;
    return this.#pieces.slice(from, to);
  }

  /** Those pieces cut to `[first, last]` when they cover all of it, else null. */
  covering(first: bigint, last: bigint): readonly MappedPiece[] | null {
    const pieces = this.in(first, last);
    let next = first;
    for (const piece of pieces) {
      if (piece.first > next) return null;
      next = piece.last + 1n;
    }
    if (next <= last) return null;
    return pieces.map((piece) => cut(piece, first, last));
  }

  #firstTouching(first: bigint): number {
    const above = this.#indexAbove(first);
    const below = this.#pieces[above - 1];
    return below !== undefined && below.last >= first ? above - 1 : above;
  }

  /** The index of the first piece that begins above `first`. */
  #indexAbove(first: bigint): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#pieces[middle] as MappedPiece).first > first) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

function cut({ first, last, source, writable }: MappedPiece, from: bigint, to: bigint): MappedPiece {
  const skipped = first < from ? from - first : 0n;
  return {
    first: first + skipped,
    last: last > to ? to : last,
    source: skipped === 0n ? source : advanced(source, skipped),
    writable,
  };
}

function advanced(source: Source, bytes: bigint): Source {
  switch (source.kind) {
    case "va":
    case "copy":
      return { ...source, va: source.va + bytes };
    case "file":
    case "dmabuf":
      return { ...source, start: source.start + bytes };
    default:
      return source;
  }
}
