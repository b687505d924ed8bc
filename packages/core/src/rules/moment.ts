/**
 * One event of a context with the state beside it. It is moved from row to row of a batch and reads the columns, so that
 * a row costs no object however many rules look at it; `recorded` is made when somebody has something to tell.
 */
import { ticksAt } from "../decimal.ts";
import type { EventBatch } from "../event-batch.ts";
import { recordedAt, sourceAt } from "../event-row.ts";
import { type Actor, EVENT_TYPES, type EventType, type IoasHandle, type Recorded } from "../events.ts";
import { PROTS, type Prot, type Source } from "../source.ts";
import { ContextState } from "../state.ts";
import { Attached } from "./attached.ts";

/** Ticks of a clock with so many decimals to nanoseconds. */
const NANOSECONDS = Array.from({ length: 10 }, (_, decimals) => 10n ** BigInt(9 - decimals));

export class Moment {
  readonly context: string;
  readonly state = new ContextState();
  readonly attached = new Attached();
  #batch: EventBatch | null = null;
  #row = 0;
  #first: bigint | null = null;
  #last: bigint | null = null;
  #nanoseconds: bigint | null = null;
  #recorded: Recorded | null = null;

  constructor(context: string) {
    this.context = context;
  }

  move(batch: EventBatch, row: number): void {
    this.#batch = batch;
    this.#row = row;
    this.#first = null;
    this.#last = null;
    this.#nanoseconds = null;
    this.#recorded = null;
  }

  /** False: it was never moved. */
  get isSomewhere(): boolean {
    return this.#batch !== null;
  }

  get version(): number {
    return this.#rows.firstVersion + this.#row;
  }

  get type(): EventType {
    return EVENT_TYPES[this.#rows.type[this.#row] as number] as EventType;
  }

  /** Null: the source does not say who it was. */
  get actor(): Actor | null {
    const code = this.#rows.actor[this.#row] as number;
    return code === 0 ? null : (this.#rows.actors[code - 1] as Actor);
  }

  /** The name of the clock; null: the event has no time. */
  get clock(): string | null {
    const code = this.#rows.clock[this.#row] as number;
    return code === 0 ? null : (this.#rows.clocks[code - 1]?.clock ?? null);
  }

  /** On that clock; readings of different clocks are never compared. */
  get nanoseconds(): bigint {
    if (this.#nanoseconds !== null) return this.#nanoseconds;
    const batch = this.#rows;
    const ticks = batch.ticks[this.#row] as bigint;
    const decimals = batch.clocks[(batch.clock[this.#row] as number) - 1]?.decimals ?? 9;
    const factor = NANOSECONDS[decimals];
    this.#nanoseconds = factor === undefined ? ticksAt({ ticks, decimals }, 9) : ticks * factor;
    return this.#nanoseconds;
  }

  /** Of IovaMapped and IovaUnmapped, as `last`. */
  get ioas(): IoasHandle {
    return this.#rows.ioas[this.#row] as number;
  }

  get first(): bigint {
    this.#first ??= this.#rows.iova[this.#row] as bigint;
    return this.#first;
  }

  get last(): bigint {
    this.#last ??= this.#rows.last[this.#row] as bigint;
    return this.#last;
  }

  /** Of IovaMapped. */
  get prot(): Prot {
    return PROTS[(this.#rows.traits[this.#row] as number) & 3] as Prot;
  }

  get source(): Source {
    return sourceAt(this.#rows, this.#row);
  }

  get recorded(): Recorded {
    this.#recorded ??= recordedAt(this.#rows, this.#row);
    return this.#recorded;
  }

  get #rows(): EventBatch {
    return this.#batch as EventBatch;
  }
}
