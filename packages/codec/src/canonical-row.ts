/**
 * The bytes of a row that the history digest is taken over: the same for equal events, whatever
 * batch or block they lie in.
 *
 * 64 bytes, little-endian, then what the row is the first in its leaf to need, each as a length
 * (u32) and that many bytes of msgpack:
 *
 * | offset | size | field                                                                  |
 * |--------|------|------------------------------------------------------------------------|
 * | 0      | 8    | version                                                                |
 * | 8      | 8    | iova                                                                   |
 * | 16     | 8    | last                                                                   |
 * | 24     | 8    | value                                                                  |
 * | 32     | 8    | ticks                                                                  |
 * | 40     | 4    | epoch                                                                  |
 * | 44     | 4    | ioas (-1: none)                                                        |
 * | 48     | 4    | fd (-1: none)                                                          |
 * | 52     | 4    | line                                                                   |
 * | 56     | 2    | actor: 0 none, else its number by first use in the leaf, from 1        |
 * | 58     | 2    | clock: the same                                                        |
 * | 60     | 1    | type                                                                   |
 * | 61     | 1    | errno                                                                  |
 * | 62     | 1    | traits                                                                 |
 * | 63     | 1    | 0 nothing else, 1 runs, 2 a record event                               |
 *
 * Behind it, in this order: the actor `[comm, pid, tid, cpu, flags]` at its first use in the
 * leaf, the clock `[name, decimals]` at its first use, the runs `[[iova, paddr, length], ...]`,
 * the record event.
 */
import { assert, type EventBatch, TYPE_UNMAP_REFUSED } from "@ioasis/core";
import { pack } from "./pack.ts";
import { halves } from "./row-classes.ts";

const ROW_BYTES = 64;
const ROW_WORDS = ROW_BYTES / 4;
const TAIL_NONE = 0;
const TAIL_RUNS = 1;
const TAIL_COLD = 2;

/** Actors or clocks of a leaf by their msgpack, in order of first use. */
export class Names {
  readonly #numbers = new Map<string, number>();
  readonly #packed: Uint8Array[] = [];

  /** In order of number. */
  get packed(): readonly Uint8Array[] {
    return this.#packed;
  }

  /** Number of the name, from 1; a new one gets the next. */
  numberOf(packed: Uint8Array): number {
    const key = String.fromCharCode(...packed);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#packed.push(packed);
      this.#numbers.set(key, number);
    }
    return number;
  }

  clear(): void {
    this.#numbers.clear();
    this.#packed.length = 0;
  }
}

/** A batch with its actors and clocks in msgpack, each made once. */
export class NamedBatch {
  readonly batch: EventBatch;
  readonly iova: Uint32Array;
  readonly last: Uint32Array;
  readonly value: Uint32Array;
  readonly ticks: Uint32Array;
  readonly #actors: Uint8Array[] = [];
  readonly #clocks: Uint8Array[] = [];

  constructor(batch: EventBatch) {
    this.batch = batch;
    this.iova = halves(batch.iova);
    this.last = halves(batch.last);
    this.value = halves(batch.value);
    this.ticks = halves(batch.ticks);
  }

  /** `code` as in the column: from 1. */
  actor(code: number): Uint8Array {
    const entry = this.batch.actors[code - 1];
    assert(entry !== undefined, `actor ${code} of ${this.batch.actors.length}`);
    return (this.#actors[code] ??= pack([entry.comm, entry.pid, entry.tid, entry.cpu, entry.flags]));
  }

  clock(code: number): Uint8Array {
    const entry = this.batch.clocks[code - 1];
    assert(entry !== undefined, `clock ${code} of ${this.batch.clocks.length}`);
    return (this.#clocks[code] ??= pack([entry.clock, entry.decimals]));
  }
}

/** The canonical bytes of one leaf as they come in, with the names that its rows have used so far. */
export class LeafBytes {
  length = 0;
  readonly actors = new Names();
  readonly clocks = new Names();
  #bytes = new Uint8Array(ROW_BYTES * 16);
  /** Rows that wait for the next tail, so that they are written as whole words: what follows a tail may lie anywhere. */
  #words = new Uint32Array(ROW_WORDS * 16);

  /** A view of what was written since `from`; valid until the next write. */
  since(from: number): Uint8Array {
    return this.#bytes.subarray(from, this.length);
  }

  clear(): void {
    this.length = 0;
    this.actors.clear();
    this.clocks.clear();
  }

  raw(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Rows `[from, to)`, which must all belong to this leaf. */
  rows(named: NamedBatch, from: number, to: number): void {
    const { batch, iova, last, value, ticks } = named;
    const { type, errno, traits, ioas, fd, line, extra, actor, clock, epoch } = batch;
    const actorNumbers = new Uint16Array(batch.actors.length + 1);
    const clockNumbers = new Uint16Array(batch.clocks.length + 1);
    if (this.#words.length < ROW_WORDS * (to - from)) this.#words = new Uint32Array(ROW_WORDS * (to - from));
    const words = this.#words;
    let at = 0;
    for (let row = from; row < to; row++) {
      const low = 2 * row;
      const version = batch.firstVersion + row;
      const actorCode = actor[row] as number;
      const clockCode = clock[row] as number;
      const isActorNew =
        actorCode !== 0 && actorNumbers[actorCode] === 0 && this.#names(named, actorCode, actorNumbers);
      const isClockNew =
        clockCode !== 0 && clockNumbers[clockCode] === 0 && this.#times(named, clockCode, clockNumbers);
      const tail =
        (extra[row] as number) < 0 ? TAIL_NONE : (type[row] as number) > TYPE_UNMAP_REFUSED ? TAIL_COLD : TAIL_RUNS;
      words[at] = version;
      words[at + 1] = version / 0x1_0000_0000;
      words[at + 2] = iova[low] as number;
      words[at + 3] = iova[low + 1] as number;
      words[at + 4] = last[low] as number;
      words[at + 5] = last[low + 1] as number;
      words[at + 6] = value[low] as number;
      words[at + 7] = value[low + 1] as number;
      words[at + 8] = ticks[low] as number;
      words[at + 9] = ticks[low + 1] as number;
      words[at + 10] = epoch;
      words[at + 11] = ioas[row] as number;
      words[at + 12] = fd[row] as number;
      words[at + 13] = line[row] as number;
      words[at + 14] = (actorNumbers[actorCode] as number) | ((clockNumbers[clockCode] as number) << 16);
      words[at + 15] =
        (type[row] as number) | ((errno[row] as number) << 8) | ((traits[row] as number) << 16) | (tail << 24);
      at += ROW_WORDS;
      if (tail === TAIL_NONE && !isActorNew && !isClockNew) continue;
      this.#flush(words, at);
      at = 0;
      if (isActorNew) this.#sized(named.actor(actorCode));
      if (isClockNew) this.#sized(named.clock(clockCode));
      if (tail !== TAIL_NONE) this.#sized(tailOf(batch, row, tail));
    }
    this.#flush(words, at);
  }

  /** Numbers of an actor that the batch has not used in this leaf; whether the leaf has not either. */
  #names(named: NamedBatch, code: number, numbers: Uint16Array): boolean {
    const before = this.actors.packed.length;
    numbers[code] = this.actors.numberOf(named.actor(code));
    return this.actors.packed.length > before;
  }

  #times(named: NamedBatch, code: number, numbers: Uint16Array): boolean {
    const before = this.clocks.packed.length;
    numbers[code] = this.clocks.numberOf(named.clock(code));
    return this.clocks.packed.length > before;
  }

  #flush(words: Uint32Array, length: number): void {
    this.raw(new Uint8Array(words.buffer, 0, 4 * length));
  }

  #sized(bytes: Uint8Array): void {
    const { length } = bytes;
    this.raw(Uint8Array.of(length, length >>> 8, length >>> 16, length >>> 24));
    this.raw(bytes);
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + bytes));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
  }
}

/** The runs or the record event of a row. */
function tailOf(batch: EventBatch, row: number, tail: number): Uint8Array {
  const index = batch.extra[row] as number;
  if (tail === TAIL_COLD) return pack(batch.colds[index]);
  return pack(batch.runs[index]?.map(({ iova, paddr, length }) => [iova, paddr, length]));
}
