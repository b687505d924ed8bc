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
  #view = new DataView(this.#bytes.buffer);

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
    const actorNumbers = new Uint16Array(named.batch.actors.length + 1);
    const clockNumbers = new Uint16Array(named.batch.clocks.length + 1);
    for (let row = from; row < to; row++) {
      this.#room(ROW_BYTES);
      const at = this.length;
      this.length += ROW_BYTES;
      this.#fixed(named, row, at);
      this.#who(named, row, at, actorNumbers, clockNumbers);
      this.#tail(named.batch, row, at);
    }
  }

  #fixed({ batch, iova, last, value, ticks }: NamedBatch, row: number, at: number): void {
    const view = this.#view;
    const low = 2 * row;
    const version = batch.firstVersion + row;
    view.setUint32(at, version, true);
    view.setUint32(at + 4, version / 0x1_0000_0000, true);
    view.setUint32(at + 8, iova[low] as number, true);
    view.setUint32(at + 12, iova[low + 1] as number, true);
    view.setUint32(at + 16, last[low] as number, true);
    view.setUint32(at + 20, last[low + 1] as number, true);
    view.setUint32(at + 24, value[low] as number, true);
    view.setUint32(at + 28, value[low + 1] as number, true);
    view.setUint32(at + 32, ticks[low] as number, true);
    view.setUint32(at + 36, ticks[low + 1] as number, true);
    view.setUint32(at + 40, batch.epoch, true);
    view.setInt32(at + 44, batch.ioas[row] as number, true);
    view.setInt32(at + 48, batch.fd[row] as number, true);
    view.setUint32(at + 52, batch.line[row] as number, true);
    view.setUint8(at + 60, batch.type[row] as number);
    view.setUint8(at + 61, batch.errno[row] as number);
    view.setUint8(at + 62, batch.traits[row] as number);
  }

  /** Numbers of actor and clock, and their names where the leaf uses them for the first time. */
  #who(named: NamedBatch, row: number, at: number, actorNumbers: Uint16Array, clockNumbers: Uint16Array): void {
    const actor = named.batch.actor[row] as number;
    const clock = named.batch.clock[row] as number;
    const actorsBefore = this.actors.packed.length;
    const clocksBefore = this.clocks.packed.length;
    if (actor !== 0 && actorNumbers[actor] === 0) actorNumbers[actor] = this.actors.numberOf(named.actor(actor));
    if (clock !== 0 && clockNumbers[clock] === 0) clockNumbers[clock] = this.clocks.numberOf(named.clock(clock));
    this.#view.setUint16(at + 56, actorNumbers[actor] as number, true);
    this.#view.setUint16(at + 58, clockNumbers[clock] as number, true);
    if (this.actors.packed.length > actorsBefore) this.#sized(named.actor(actor));
    if (this.clocks.packed.length > clocksBefore) this.#sized(named.clock(clock));
  }

  #tail(batch: EventBatch, row: number, at: number): void {
    const extra = batch.extra[row] as number;
    const isCold = (batch.type[row] as number) > TYPE_UNMAP_REFUSED;
    this.#view.setUint8(at + 63, extra < 0 ? TAIL_NONE : isCold ? TAIL_COLD : TAIL_RUNS);
    if (extra < 0) return;
    if (isCold) this.#sized(pack(batch.colds[extra]));
    else this.#sized(pack(batch.runs[extra]?.map(({ iova, paddr, length }) => [iova, paddr, length])));
  }

  #sized(bytes: Uint8Array): void {
    this.#room(4);
    this.#view.setUint32(this.length, bytes.length, true);
    this.length += 4;
    this.raw(bytes);
  }

  #room(bytes: number): void {
    if (this.length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.length + bytes));
    grown.set(this.#bytes.subarray(0, this.length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
