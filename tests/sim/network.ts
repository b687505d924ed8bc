/**
 * A network that delays, stands still in one direction, and loses connections; a rude one also loses, doubles and
 * swaps single frames, which no transport does: whatever is above must stay safe all the same.
 */
import { IoasisError } from "@ioasis/core";
import type { Connection } from "@ioasis/replication";
import type { World } from "./world.ts";

/** A connection on which one direction is dead ends after so long, as the pings of a real transport end it. */
const SILENCE_MS = 20_000;

export interface NetworkTraits {
  /** Chance that a frame meets each of the rude fates. */
  readonly rudeness: number;
  /** Chance that a frame takes up to half a second. */
  readonly slowness: number;
  /** Whether the rude fates are met now. */
  readonly isRude: () => boolean;
}

interface Wire {
  readonly ends: readonly [End, End];
  readonly between: readonly [string, string];
}

export class Network {
  readonly #world: World;
  readonly #traits: NetworkTraits;
  readonly #wires = new Set<Wire>();
  /** Directions `from>to` in which nothing arrives. */
  readonly #dead = new Set<string>();

  constructor(world: World, traits: NetworkTraits) {
    this.#world = world;
    this.#traits = traits;
  }

  /** The two ends of a new connection. @throws IoasisError ERR_NETWORK where the way is dead */
  connect(from: string, to: string): readonly [Connection, Connection] {
    if (this.isDead(from, to) || this.isDead(to, from)) throw lost(`no way from ${from} to ${to}`);
    const near = new End(this, to, [from, to]);
    const far = new End(this, from, [to, from]);
    near.other = far;
    far.other = near;
    this.#wires.add({ ends: [near, far], between: [from, to] });
    return [near, far];
  }

  isDead(from: string, to: string): boolean {
    return this.#dead.has(`${from}>${to}`);
  }

  /** Nothing arrives in this direction until it heals; connections that need it end by and by. */
  block(from: string, to: string): void {
    this.#dead.add(`${from}>${to}`);
    this.#world.after(SILENCE_MS, () => {
      if (!this.isDead(from, to)) return;
      for (const wire of this.#wires) if (wire.between.includes(from) && wire.between.includes(to)) this.cut(wire);
    });
  }

  heal(): void {
    this.#dead.clear();
    for (const { ends } of this.#wires) for (const end of ends) end.flow();
  }

  /** Ends one of the connections, as a lost cable would. */
  cutOne(): void {
    const wires = [...this.#wires];
    const wire = wires[this.#world.below(Math.max(1, wires.length))];
    if (wire !== undefined) this.cut(wire);
  }

  /** A host is gone: those who talk to it learn it at once, or only by its silence. */
  hostDied(host: string): void {
    const isLoud = this.#world.chance() < 0.7;
    for (const { ends, between } of this.#wires) if (between.includes(host)) ends[between[0] === host ? 0 : 1].forget();
    for (const wire of [...this.#wires])
      if (wire.between.includes(host))
        this.#world.after(isLoud ? this.#world.between(0, 5) : SILENCE_MS, () => this.cut(wire));
  }

  cut(wire: Wire): void {
    this.#wires.delete(wire);
    for (const end of wire.ends) end.end(lost("the connection was cut"));
  }

  /** When a frame arrives. */
  delayMs(): number {
    const { slowness } = this.#traits;
    return this.#world.chance() < slowness ? this.#world.between(5, 500) : this.#world.between(0.05, 2);
  }

  /** How often a frame arrives, and whether it overtakes the one before. */
  fate(): { readonly copies: number; readonly overtakes: boolean } {
    const { rudeness, isRude } = this.#traits;
    if (!isRude() || this.#world.chance() >= rudeness) return { copies: 1, overtakes: false };
    const kind = this.#world.below(3);
    return { copies: kind === 0 ? 0 : kind === 1 ? 2 : 1, overtakes: kind === 2 };
  }

  after(ms: number, run: () => void): void {
    this.#world.after(ms, run);
  }
}

class End implements Connection {
  readonly peer: string;
  other: End | null = null;
  readonly #network: Network;
  readonly #way: readonly [string, string];
  /** Arrived and not taken. */
  readonly #inbox: Uint8Array[] = [];
  /** Under way to this end, in order. */
  readonly #coming: (Uint8Array | null)[] = [];
  #reader: { resolve(frame: Uint8Array | null): void; reject(error: Error): void } | null = null;
  #ended: IoasisError | null | undefined = undefined;
  #isOpen = true;
  #isForgotten = false;

  constructor(network: Network, peer: string, way: readonly [string, string]) {
    this.#network = network;
    this.peer = `sim:${peer}`;
    this.#way = way;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#isForgotten) return new Promise<never>(() => undefined);
    if (!this.#isOpen || this.#ended !== undefined) throw lost(`the connection with ${this.peer} has ended`);
    const { copies, overtakes } = this.#network.fate();
    for (let i = 0; i < copies; i++) this.other?.put(Uint8Array.from(frame), overtakes);
  }

  receive(): Promise<Uint8Array | null> {
    if (this.#isForgotten) return new Promise<never>(() => undefined);
    const frame = this.#inbox.shift();
    if (frame !== undefined) return Promise.resolve(frame);
    if (this.#ended === null) return Promise.resolve(null);
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#inbox.length = 0;
    this.end(null);
    this.other?.put(null, false);
  }

  /** A frame, or the other side's close, sets out for this end. */
  put(frame: Uint8Array | null, overtakes: boolean): void {
    if (overtakes && this.#coming.length > 0) this.#coming.splice(-1, 0, frame);
    else this.#coming.push(frame);
    this.#network.after(this.#network.delayMs(), () => this.flow(1));
  }

  /** Up to `count` frames arrive, unless the direction is dead: they wait then. */
  flow(count = this.#coming.length): void {
    for (let i = 0; i < count && this.#coming.length > 0; i++) {
      const [to, from] = this.#way;
      if (this.#network.isDead(from, to)) return;
      const frame = this.#coming.shift();
      if (this.#ended !== undefined || frame === undefined) return;
      if (frame === null) this.end(null);
      else if (this.#reader === null) this.#inbox.push(frame);
      else {
        const { resolve } = this.#reader;
        this.#reader = null;
        resolve(frame);
      }
    }
  }

  /** The process at this end is dead: what it waits for never comes. */
  forget(): void {
    this.#reader = null;
    this.#coming.length = 0;
    this.#isForgotten = true;
  }

  /** Null: in order, behind what has arrived. */
  end(error: IoasisError | null): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    if (error !== null) this.#inbox.length = 0;
    const reader = this.#reader;
    this.#reader = null;
    if (error === null) reader?.resolve(null);
    else reader?.reject(error);
  }
}

function lost(message: string): IoasisError {
  return new IoasisError("ERR_NETWORK", message);
}
