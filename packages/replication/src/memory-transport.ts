/** Connections within one process: `memory:NAME`. For tests and simulations. */
import { IoasisError } from "@ioasis/core";
import { FrameQueue } from "./frame-queue.ts";
import { FRAME_BYTES_MAX } from "./limits.ts";
import type { Connection, Listener } from "./transport.ts";

class MemoryConnection implements Connection {
  readonly peer: string;
  readonly #queue: FrameQueue;
  #other: MemoryConnection | null = null;
  #isOpen = true;
  #waiting: (() => void)[] = [];

  constructor(peer: string) {
    this.peer = peer;
    this.#queue = new FrameQueue(() => this.#other?.roomThere());
  }

  joinTo(other: MemoryConnection): void {
    this.#other = other;
  }

  async send(frame: Uint8Array): Promise<void> {
    if (frame.byteLength > FRAME_BYTES_MAX) throw tooLarge(frame.byteLength, this.peer);
    if (!this.#isOpen || this.#other === null) throw ended(this.peer);
    const queue = this.#other.#queue;
    // Copied, as a socket would: what the sender does later with its buffer is its own affair.
    queue.push(Uint8Array.from(frame));
    while (this.#isOpen && queue.isFull) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (!this.#isOpen) throw ended(this.peer);
  }

  receive(): Promise<Uint8Array | null> {
    return this.#queue.take();
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#shut();
    this.#queue.discard();
    this.#other?.endedThere(null);
  }

  /** As if the network went away under it. */
  cut(): void {
    if (!this.#isOpen) return;
    const lost = new IoasisError("ERR_NETWORK", `the connection with ${this.peer} was cut`, { peer: this.peer });
    this.#shut();
    this.#queue.end(lost);
    this.#other?.endedThere(lost);
  }

  roomThere(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  endedThere(error: IoasisError | null): void {
    this.#shut();
    this.#queue.end(error);
  }

  #shut(): void {
    this.#isOpen = false;
    this.roomThere();
  }
}

/** Two ends of one connection, and a way to cut it. */
export function memoryPair(): { readonly ends: readonly [Connection, Connection]; cut(): void } {
  const near = new MemoryConnection("memory:far");
  const far = new MemoryConnection("memory:near");
  near.joinTo(far);
  far.joinTo(near);
  return { ends: [near, far], cut: () => near.cut() };
}

/** A small world of named listeners; nothing is shared between two of them. */
export class MemoryTransport {
  readonly #listeners = new Map<string, (connection: Connection) => void>();

  listen(name: string, onConnection: (connection: Connection) => void): Listener {
    const url = `memory:${name}`;
    if (this.#listeners.has(url)) throw new IoasisError("ERR_NETWORK", `${url} is already listened on`, { url });
    const accepted = new Set<Connection>();
    this.#listeners.set(url, (connection) => {
      accepted.add(connection);
      onConnection(connection);
    });
    return {
      url,
      close: async () => {
        this.#listeners.delete(url);
        await Promise.all([...accepted].map((connection) => connection.close()));
      },
    };
  }

  /** @throws IoasisError ERR_NETWORK when nobody listens there */
  async connect(url: string): Promise<Connection> {
    const accept = this.#listeners.get(url);
    if (accept === undefined) throw new IoasisError("ERR_NETWORK", `nobody listens on ${url}`, { url });
    const [near, far] = memoryPair().ends;
    accept(far);
    return near;
  }
}

function ended(peer: string): IoasisError {
  return new IoasisError("ERR_NETWORK", `the connection with ${peer} has ended`, { peer });
}

function tooLarge(bytes: number, peer: string): IoasisError {
  const message = `a frame of ${bytes} bytes for ${peer} is larger than ${FRAME_BYTES_MAX} bytes`;
  return new IoasisError("ERR_LIMIT", message, { peer, bytes });
}
