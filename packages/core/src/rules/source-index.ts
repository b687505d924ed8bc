/**
 * Which mappings share bytes of a source. Pieces of sources lie in buckets of a size of their own
 * order, so that a piece is in at most two buckets and an overlap is found without walking the rest.
 * Entries are never taken out one by one: who asks checks each against the state, and drops all that
 * are gone once they outnumber the living.
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

type Level = Map<bigint, SourcePiece[]>;

const SMALLEST_SHIFT = 12;
const SHIFT_STEP = 3;

export class SourceIndex {
  size = 0;
  readonly #levels = new Map<string, Map<number, Level>>();

  add(piece: SourcePiece): void {
    let levels = this.#levels.get(piece.key);
    if (levels === undefined) this.#levels.set(piece.key, (levels = new Map()));
    const shift = shiftOf(piece.last - piece.first);
    let level = levels.get(shift);
    if (level === undefined) levels.set(shift, (level = new Map()));
    const from = piece.first >> BigInt(shift);
    const to = piece.last >> BigInt(shift);
    for (let bucket = from; bucket <= to; bucket++) {
      const pieces = level.get(bucket);
      if (pieces === undefined) level.set(bucket, [piece]);
      else pieces.push(piece);
    }
    this.size++;
  }

  /** Pieces that share a byte with `[first, last]`, each once. */
  overlapping(key: string, first: bigint, last: bigint): Set<SourcePiece> {
    const found = new Set<SourcePiece>();
    const levels = this.#levels.get(key);
    if (levels === undefined) return found;
    for (const [shift, level] of levels)
      for (const pieces of bucketsOf(level, first >> BigInt(shift), last >> BigInt(shift)))
        for (const piece of pieces) if (piece.first <= last && first <= piece.last) found.add(piece);
    return found;
  }

  /** Keeps only what `isAlive`. */
  sweep(isAlive: (piece: SourcePiece) => boolean): void {
    const kept = new Set<SourcePiece>();
    for (const levels of this.#levels.values())
      for (const level of levels.values())
        for (const pieces of level.values()) for (const piece of pieces) if (isAlive(piece)) kept.add(piece);
    this.#levels.clear();
    this.size = 0;
    for (const piece of kept) this.add(piece);
  }
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
