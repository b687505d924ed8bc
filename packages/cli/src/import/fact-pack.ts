/**
 * What decoding a part of a file gave, as one message: whoever decodes makes it, whoever writes the journal
 * reads it, in the same thread or in another. Ranges lie in columns, which change hands without a copy.
 */
import { type Decoder, decoderOf, type FormatName, type Line, LineReader } from "@ioasis/capture";
import {
  type Actor,
  type ClockColumn,
  EventBatch,
  type Fact,
  factOfRange,
  type Iova,
  RangeFact,
  type Stamp,
  TYPE_MAPPED,
} from "@ioasis/core";
import type { SettledFacts } from "@ioasis/store";
import { ContentPosition } from "./content-position.ts";
import { SettledTally } from "./settled-facts.ts";

/** Columns of an `EventBatch`; actors and clocks by their place in the lists, from 1. */
interface RangeColumns {
  readonly rows: number;
  readonly type: Uint8Array;
  readonly iova: BigUint64Array;
  readonly last: BigUint64Array;
  readonly value: BigUint64Array;
  readonly ticks: BigInt64Array;
  readonly line: Uint32Array;
  readonly actor: Uint32Array;
  readonly clock: Uint32Array;
  readonly actors: readonly Actor[];
  readonly clocks: readonly ClockColumn[];
}

export interface PackedProblem {
  readonly line: number;
  readonly reason: string;
  /** The line was read, but the recording does not tell how it came out. */
  readonly isRecord: boolean;
}

export interface FactPack {
  /** Null: none. */
  readonly ranges: RangeColumns | null;
  /** All other facts, each with the number of ranges that come before it. */
  readonly others: readonly { readonly after: number; readonly fact: Fact }[];
  readonly problems: readonly PackedProblem[];
  /** Lines read so far. */
  readonly lines: number;
  /** Bytes of the content up to the end of the last whole line, and their hash. */
  readonly offset: number;
  readonly sha256: string;
  /** Bytes of the file taken so far, as `Content.takenBytes`. */
  readonly takenBytes: number;
  /** Of the last pack: which facts only the end of the file settled, and why it ended early (null: it did not). */
  readonly end: {
    readonly settled: Readonly<Record<string, SettledFacts>>;
    readonly cutShort: string | null;
  } | null;
}

/** Ranges of one pack: what a part of a file of the usual size holds. One that finds no room goes as a fact. */
const ROWS_MAX = 4_096;
/** The only ones that decoders give as ranges: page tables of a whole kernel. */
const PROFILE = "kernel-trace";

/** Decodes a file part by part. */
export class PackMaker {
  readonly #decoder: Decoder;
  readonly #reader = new LineReader();
  readonly #position = new ContentPosition();
  #ranges: EventBatch | null = null;
  #others: { after: number; fact: Fact }[] = [];
  #problems: PackedProblem[] = [];
  #lines = 0;
  readonly #sink = {
    fact: (fact: Fact) => this.#fact(fact),
    range: (range: RangeFact) => this.#range(range),
    problem: (line: number, reason: string, isRecord = false) => void this.#problems.push({ line, reason, isRecord }),
  };
  readonly #onLine = (line: Line): void => this.#line(line);
  readonly #onProblem = (line: number, reason: string): void => {
    this.#lines = line;
    this.#sink.problem(line, reason);
  };

  constructor(format: FormatName) {
    this.#decoder = decoderOf(format);
  }

  /** Takes the next bytes of the content. */
  part(bytes: Uint8Array, takenBytes: number): FactPack {
    this.#reader.push(bytes, this.#onLine, this.#onProblem);
    this.#position.advance(bytes);
    return this.#pack(takenBytes);
  }

  /** The content ended; `cutShort`: before its file did, and why. */
  end(takenBytes: number, cutShort: string | null): FactPack {
    this.#reader.end(this.#onLine, this.#onProblem);
    const settled = new SettledTally();
    this.#decoder.end({
      fact: (fact) => {
        settled.add(fact);
        this.#sink.fact(fact);
      },
      problem: this.#sink.problem,
    });
    this.#position.finish();
    return { ...this.#pack(takenBytes), end: { settled: settled.value(), cutShort } };
  }

  #line(line: Line): void {
    this.#lines = line.number;
    try {
      this.#decoder.line(line, this.#sink);
    } catch (error) {
      // The door of the domain (`iova`, `byteLength`) does not take every number that a broken line can hold.
      if (!(error instanceof RangeError)) throw error;
      this.#sink.problem(line.number, `a number is out of range: ${error.message}`);
    }
  }

  #fact(fact: Fact): void {
    this.#others.push({ after: this.#ranges?.length ?? 0, fact });
  }

  #range(range: RangeFact): void {
    this.#ranges ??= new EventBatch(1, 1, ROWS_MAX);
    if (this.#ranges.isFull || range.context !== "" || range.profile !== PROFILE) this.#fact(factOfRange(range));
    else this.#ranges.pushRange(range, 0);
  }

  #pack(takenBytes: number): FactPack {
    const ranges = this.#ranges;
    const pack: FactPack = {
      ranges: ranges === null ? null : columnsOf(ranges),
      others: this.#others,
      problems: this.#problems,
      lines: this.#lines,
      offset: this.#position.offset,
      sha256: this.#position.sha256(),
      takenBytes,
      end: null,
    };
    this.#ranges = null;
    this.#others = [];
    this.#problems = [];
    return pack;
  }
}

function columnsOf({ length, type, iova, last, value, ticks, line, actor, clock, actors, clocks }: EventBatch) {
  return { rows: length, type, iova, last, value, ticks, line, actor, clock, actors, clocks };
}

/** The buffers of a pack, which may be handed over to another thread. */
export function buffersOf({ ranges }: FactPack): ArrayBuffer[] {
  if (ranges === null) return [];
  const { type, iova, last, value, ticks, line, actor, clock } = ranges;
  return [type, iova, last, value, ticks, line, actor, clock].map(({ buffer }) => buffer as ArrayBuffer);
}

/** Gives out the facts of a pack in the order in which they were found. */
export function readPack(
  { ranges, others }: FactPack,
  onFact: (fact: Fact) => void,
  onRange: (range: RangeFact) => void,
): void {
  const range = new RangeFact();
  range.profile = PROFILE;
  const rows = ranges?.rows ?? 0;
  let next = 0;
  for (let row = 0; ; row++) {
    for (; next < others.length && (others[next]?.after ?? 0) <= row; next++)
      onFact((others[next] as (typeof others)[number]).fact);
    if (ranges === null || row >= rows) return;
    range.isMap = ranges.type[row] === TYPE_MAPPED;
    range.iova = ranges.iova[row] as Iova;
    range.last = ranges.last[row] as Iova;
    range.value = ranges.value[row] as bigint;
    range.line = ranges.line[row] as number;
    range.actor = ranges.actors[(ranges.actor[row] as number) - 1] ?? null;
    range.stamp = stampOf(ranges, row);
    onRange(range);
  }
}

function stampOf({ clocks, clock, ticks }: RangeColumns, row: number): Stamp | null {
  const column = clocks[(clock[row] as number) - 1];
  if (column === undefined) return null;
  return { clock: column.clock, decimals: column.decimals, ticks: ticks[row] as bigint };
}
