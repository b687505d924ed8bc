/**
 * Which mappings share bytes of a source. Pieces of sources lie in buckets of a size of their own
 * order, a space at a time, so that a piece is in at most two buckets, and an overlap is found
 * without walking the rest or the pieces of the own space. Entries stay until somebody meets one
 * that is gone, or drops all that are, once they may outnumber the living.
 */
import type { IoasHandle } from "../events.ts";

export interface SourcePiece {
  /** What the addresses count in: a file, a process, physical memory. */
  readonly key: string;
  readonly first: bigint;
  readonly last: bigint;
  readonly ioas: IoasHandle;
  /** IOVA of byte `first`. */
  readonly iova: bigint;
  /** The version that mapped it. */
  readonly version: number;
}

/** Of a piece that was met: drop it, go on, or be done with its space. */
export type Visit = "gone" | "more" | "done";

type Level = Map<bigint, SourcePiece[]>;
/** By the order of the buckets' size. */
type Levels = Map<number, Level>;

const SMALLEST_SHIFT = 12;
const SHIFT_STEP = 3;

export class SourceIndex {
  /** Entries put into buckets since the last sweep, at most two a piece: what was dropped leaves its bucket behind. */
  size = 0;
  readonly #keys = new Map<string, Map<IoasHandle, Levels>>();

  add(piece: SourcePiece): void {
    const level = this.#levelOf(piece);
    const shift = BigInt(shiftOf(piece.last - piece.first));
    for (let bucket = piece.first >> shift; bucket <= piece.last >> shift; bucket++) {
      const pieces = level.get(bucket);
      if (pieces === undefined) level.set(bucket, [piece]);
      else pieces.push(piece);
      this.size++;
    }
  }

  /** Shows the pieces of each other space that share a byte with `piece`; one may come twice. */
  visitOthers(piece: SourcePiece, visit: (other: SourcePiece) => Visit): void {
    for (const [ioas, levels] of this.#keys.get(piece.key) ?? [])
      if (ioas !== piece.ioas) this.#visitSpace(levels, piece, visit);
  }

  #visitSpace(levels: Levels, { first, last }: SourcePiece, visit: (other: SourcePiece) => Visit): void {
    for (const [shift, level] of levels)
      for (const pieces of bucketsOf(level, first >> BigInt(shift), last >> BigInt(shift)))
        for (let at = pieces.length - 1; at >= 0; at--) {
          const other = pieces[at] as SourcePiece;
          if (other.first > last || first > other.last) continue;
          const answer = visit(other);
          if (answer === "done") return;
          if (answer === "more") continue;
          const top = pieces.pop() as SourcePiece;
          if (at < pieces.length) pieces[at] = top;
        }
  }

  /** Each once, in the order that they came, some of them gone. */
  piecesIn(ioas: IoasHandle): SourcePiece[] {
    const pieces = new Set<SourcePiece>();
    for (const spaces of this.#keys.values())
      for (const piece of piecesOf(spaces.get(ioas) ?? new Map())) pieces.add(piece);
    return [...pieces].sort((a, b) => a.version - b.version);
  }

  /** Keeps only what `isAlive`. */
  sweep(isAlive: (piece: SourcePiece) => boolean): void {
    const kept = new Set<SourcePiece>();
    for (const spaces of this.#keys.values())
      for (const levels of spaces.values())
        for (const piece of piecesOf(levels)) if (!kept.has(piece) && isAlive(piece)) kept.add(piece);
    this.#keys.clear();
    this.size = 0;
    for (const piece of kept) this.add(piece);
  }

  #levelOf({ key, ioas, first, last }: SourcePiece): Level {
    const spaces = this.#keys.get(key) ?? new Map<IoasHandle, Levels>();
    const levels: Levels = spaces.get(ioas) ?? new Map<number, Level>();
    const shift = shiftOf(last - first);
    const level: Level = levels.get(shift) ?? new Map<bigint, SourcePiece[]>();
    this.#keys.set(key, spaces.set(ioas, levels.set(shift, level)));
    return level;
  }
}

function* piecesOf(levels: Levels): Generator<SourcePiece> {
  for (const level of levels.values()) for (const pieces of level.values()) yield* pieces;
}

function* bucketsOf(level: Level, from: bigint, to: bigint): Generator<SourcePiece[]> {
  if (to - from >= BigInt(level.size)) {
    yield* level.values();
    return;
  }
  for (let bucket = from; bucket <= to; bucket++) {
    const pieces = level.get(bucket);
    if (pieces !== undefined) yield pieces;
  }
}

/** Buckets at least as large as the piece. */
function shiftOf(span: bigint): number {
  let shift = SMALLEST_SHIFT;
  while (span >> BigInt(shift) !== 0n) shift += SHIFT_STEP;
  return shift;
}
