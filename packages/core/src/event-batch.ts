/**
 * A run of events of one context in columns: the currency of every hot path.
 *
 * Row `i` is version `firstVersion + i`. The four hot event types (see `HotEvent`) live wholly
 * in the columns; every other event is a record in `colds`. Actors, clocks and run lists are
 * small per-batch dictionaries, so that a batch is self-contained. Rows are only ever added.
 *
 * Meaning of the columns by type:
 *
 * | type         | iova          | last          | value                    |
 * |--------------|---------------|---------------|--------------------------|
 * | IovaMapped   | first byte    | last byte     | va, start, gpa or paddr  |
 * | IovaUnmapped | first byte    | last byte     | bytes that were mapped   |
 * | MapRefused   | as asked      | length asked  | as IovaMapped            |
 * | UnmapRefused | as asked      | length asked  | 0                        |
 */

import { assert } from "./assert.ts";
import { type Errno, errnoCode } from "./errno.ts";
import { type Actor, type ColdEvent, EVENT_TYPES, type IoasEvent, type IoasHandle, type Stamp } from "./events.ts";
import type { RangeFact } from "./fact.ts";
import { type Halves, halvesOf } from "./halves.ts";
import { PROTS, type Run, SOURCE_KINDS, type Source } from "./source.ts";

export const TYPE_MAPPED = 0;
export const TYPE_UNMAPPED = 1;
export const TYPE_MAP_REFUSED = 2;
export const TYPE_UNMAP_REFUSED = 3;

const TYPE_CODES: ReadonlyMap<string, number> = new Map(EVENT_TYPES.map((type, code) => [type, code]));
const KIND_CODES: ReadonlyMap<string, number> = new Map(SOURCE_KINDS.map((kind, code) => [kind, code]));
const PROT_CODES: ReadonlyMap<string, number> = new Map(PROTS.map((prot, code) => [prot, code]));
/** Of a map to a physical address, its rights unknown. */
const TRAITS_OF_PADDR = (PROT_CODES.get("unknown") as number) | ((KIND_CODES.get("paddr") as number) << 2);
const LENGTH_2_64 = 1n << 64n;

/** What `push` needs beside the event. */
export interface Envelope {
  readonly stamp: Stamp | null;
  readonly actor: Actor | null;
  readonly errno: Errno | null;
  readonly line: number;
}

/** Clock of a batch: its name and the digits behind the point of its stamps. */
export interface ClockColumn {
  readonly clock: string;
  readonly decimals: number;
}

export class EventBatch {
  readonly capacity: number;
  length = 0;

  readonly type: Uint8Array;
  readonly errno: Uint8Array;
  /**
   * Bits 0-1 prot, bits 2-5 source kind, bit 6 the copied pages are writable (of a file: `writable`),
   * bit 7 MapRefused: no iova told; IovaUnmapped: 2^64 bytes.
   */
  readonly traits: Uint8Array;
  /** Handle of the space, -1: the source does not say. */
  readonly ioas: Int32Array;
  readonly iova: BigUint64Array;
  readonly last: BigUint64Array;
  readonly value: BigUint64Array;
  /** File descriptor of a file source, else -1. */
  readonly fd: Int32Array;
  /** Index into `runs`, `colds` or -1; which one follows from the type. */
  readonly extra: Int32Array;
  /** 1 + index into `actors`, 0 none. */
  readonly actor: Uint32Array;
  /** 1 + index into `clocks`, 0 none. */
  readonly clock: Uint32Array;
  readonly ticks: BigInt64Array;
  readonly line: Uint32Array;

  readonly actors: Actor[] = [];
  readonly clocks: ClockColumn[] = [];
  readonly runs: (readonly Run[])[] = [];
  readonly colds: ColdEvent<IoasHandle>[] = [];

  #epoch: number;
  #firstVersion: number;
  #halves: Halves | null = null;
  readonly #actorIndex = new Map<string, number>();
  #lastActor: Actor | null = null;
  #lastActorCode = 0;
  /** The same by identity: decoders give one object for equal actors. */
  readonly #actorCodes = new Map<Actor, number>();
  readonly #clockIndex = new Map<string, number>();
  #lastClockCode = 0;

  constructor(epoch: number, firstVersion: number, capacity: number) {
    assert(Number.isSafeInteger(firstVersion) && firstVersion >= 1, "the first event has version 1");
    this.#epoch = epoch;
    this.#firstVersion = firstVersion;
    this.capacity = capacity;
    this.type = new Uint8Array(capacity);
    this.errno = new Uint8Array(capacity);
    this.traits = new Uint8Array(capacity);
    this.ioas = new Int32Array(capacity);
    this.iova = new BigUint64Array(capacity);
    this.last = new BigUint64Array(capacity);
    this.value = new BigUint64Array(capacity);
    this.fd = new Int32Array(capacity);
    this.extra = new Int32Array(capacity);
    this.actor = new Uint32Array(capacity);
    this.clock = new Uint32Array(capacity);
    this.ticks = new BigInt64Array(capacity);
    this.line = new Uint32Array(capacity);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get firstVersion(): number {
    return this.#firstVersion;
  }

  /** Views of the 64-bit columns for what must not make bigints. */
  get halves(): Halves {
    this.#halves ??= { iova: halvesOf(this.iova), last: halvesOf(this.last), value: halvesOf(this.value) };
    return this.#halves;
  }

  get isFull(): boolean {
    return this.length === this.capacity;
  }

  /** The version of the newest row; `firstVersion - 1` when empty. */
  get lastVersion(): number {
    return this.firstVersion + this.length - 1;
  }

  /** Empties it for another run of events: its columns are used again, whatever was read from them is then void. */
  begin(epoch: number, firstVersion: number): void {
    assert(Number.isSafeInteger(firstVersion) && firstVersion >= 1, "the first event has version 1");
    this.#epoch = epoch;
    this.#firstVersion = firstVersion;
    this.length = 0;
    this.actors.length = 0;
    this.clocks.length = 0;
    this.runs.length = 0;
    this.colds.length = 0;
    this.#actorIndex.clear();
    this.#lastActor = null;
    this.#clockIndex.clear();
  }

  push(event: IoasEvent, envelope: Envelope): void {
    assert(this.length < this.capacity, "the batch is full");
    const row = this.length;
    this.type[row] = TYPE_CODES.get(event.type) as number;
    this.errno[row] = errnoCode(envelope.errno);
    this.line[row] = envelope.line;
    this.actor[row] = this.actorCode(envelope.actor);
    this.#putStamp(row, envelope.stamp);
    this.fd[row] = -1;
    this.extra[row] = -1;
    this.ioas[row] = -1;
    this.traits[row] = 0;
    this.iova[row] = 0n;
    this.last[row] = 0n;
    this.value[row] = 0n;
    switch (event.type) {
      case "IovaMapped":
        this.ioas[row] = event.ioas;
        this.iova[row] = event.iova;
        this.last[row] = event.last;
        this.#putSource(row, PROT_CODES.get(event.prot) as number, event.source);
        break;
      case "IovaUnmapped":
        this.ioas[row] = event.ioas;
        this.iova[row] = event.iova;
        this.last[row] = event.last;
        this.value[row] = event.bytes; // 2^64 wraps to 0
        if (event.bytes === LENGTH_2_64) this.traits[row] = 0x80;
        break;
      case "MapRefused":
        this.ioas[row] = event.ioas ?? -1;
        this.iova[row] = event.iova ?? 0n;
        this.last[row] = event.length;
        this.#putSource(row, PROT_CODES.get(event.prot) as number, event.source);
        if (event.iova === null) this.traits[row] = (this.traits[row] as number) | 0x80;
        break;
      case "UnmapRefused":
        this.ioas[row] = event.ioas ?? -1;
        this.iova[row] = event.iova;
        this.last[row] = event.length;
        break;
      default:
        this.extra[row] = this.colds.push(event) - 1;
    }
    this.length = row + 1;
  }

  /** The same as `push` of the event that `range` stands for, in space `ioas`. */
  pushRange(range: RangeFact, ioas: IoasHandle): void {
    assert(this.length < this.capacity, "the batch is full");
    const row = this.length;
    this.type[row] = range.isMap ? TYPE_MAPPED : TYPE_UNMAPPED;
    this.errno[row] = 0;
    this.traits[row] = range.isMap ? TRAITS_OF_PADDR : 0;
    this.ioas[row] = ioas;
    this.iova[row] = range.iova;
    this.last[row] = range.last;
    this.value[row] = range.value;
    this.fd[row] = -1;
    this.extra[row] = -1;
    this.line[row] = range.line;
    this.actor[row] = this.actorCode(range.actor);
    this.#putStamp(row, range.stamp);
    this.length = row + 1;
  }

  #putStamp(row: number, stamp: Stamp | null): void {
    this.clock[row] = stamp === null ? 0 : this.clockCode(stamp.clock, stamp.decimals);
    this.ticks[row] = stamp === null ? 0n : stamp.ticks;
  }

  #putSource(row: number, protCode: number, source: Source): void {
    let traits = protCode | ((KIND_CODES.get(source.kind) as number) << 2);
    switch (source.kind) {
      case "unknown":
        break;
      case "va":
        this.value[row] = source.va;
        break;
      case "file":
      case "dmabuf":
        this.value[row] = source.start;
        this.fd[row] = source.fd;
        if (source.kind === "file" && source.writable) traits |= 0x40;
        break;
      case "gpa":
        this.value[row] = source.gpa;
        break;
      case "paddr":
        this.value[row] = source.paddr;
        break;
      case "copy":
        this.value[row] = source.va;
        if (source.writable) traits |= 0x40;
        break;
    }
    this.traits[row] = traits;
    if (source.runs !== undefined) this.extra[row] = this.runs.push(source.runs) - 1;
  }

  /** Code of an actor in this batch, interned; 0 for null. */
  actorCode(actor: Actor | null): number {
    if (actor === null) return 0;
    if (actor === this.#lastActor) return this.#lastActorCode;
    const known = this.#actorCodes.get(actor);
    if (known !== undefined && this.actors[known - 1] === actor) return known;
    const key = `${actor.comm}\0${actor.pid}\0${actor.tid}\0${actor.cpu}\0${actor.flags}`;
    let code = this.#actorIndex.get(key);
    if (code === undefined) {
      code = this.actors.push(actor);
      this.#actorIndex.set(key, code);
      this.#actorCodes.set(actor, code);
    }
    this.#lastActor = actor;
    this.#lastActorCode = code;
    return code;
  }

  /** Code of a clock in this batch, interned. */
  clockCode(clock: string, decimals: number): number {
    const last = this.clocks[this.#lastClockCode - 1];
    if (last !== undefined && last.clock === clock && last.decimals === decimals) return this.#lastClockCode;
    const key = `${decimals}${clock}`;
    let code = this.#clockIndex.get(key);
    if (code === undefined) {
      code = this.clocks.push({ clock, decimals });
      this.#clockIndex.set(key, code);
    }
    this.#lastClockCode = code;
    return code;
  }
}
