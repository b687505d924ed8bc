/**
 * Another replica at the other end of a connection: messages instead of frames, after both have
 * said hello.
 */
import { type FailureCode, IoasisError } from "@ioasis/core";
import type { ReplicaId } from "@ioasis/store";
import { HELLO_MS_MAX } from "./limits.ts";
import { encodeMessage, type Message, PROTOCOL, parseMessage } from "./messages.ts";
import type { Replica } from "./replica.ts";
import type { Connection } from "./transport.ts";

export class Peer {
  /** Identity of the other replica. */
  readonly id: ReplicaId;
  readonly address: string;
  /** Bytes of all frames sent so far. */
  bytesSent = 0;
  readonly #connection: Connection;
  #failure: unknown = null;
  /** Nothing can be said any more; what the peer said before may still hold its reason. */
  #isLost = false;

  private constructor(connection: Connection, id: ReplicaId) {
    this.#connection = connection;
    this.id = id;
    this.address = connection.peer;
  }

  /**
   * Exchanges hellos. The connection is closed when this fails.
   * @throws IoasisError ERR_PROTOCOL (another protocol, no hello), ERR_FORK (both ends are one replica), ERR_NETWORK
   */
  static async meet(connection: Connection, { journal, timers }: Replica): Promise<Peer> {
    const cancel = timers.after(HELLO_MS_MAX, () => void connection.close());
    try {
      await connection.send(encodeMessage({ type: "hello", protocol: PROTOCOL, replica: journal.replica }));
      const id = await greeted(connection, journal.replica);
      return new Peer(connection, id);
    } catch (error) {
      await sayFault(connection, error);
      await connection.close();
      throw error;
    } finally {
      cancel();
    }
  }

  /** @throws IoasisError ERR_NETWORK, ERR_LIMIT */
  async send(message: Message): Promise<void> {
    const frame = encodeMessage(message);
    this.bytesSent += frame.byteLength;
    await this.#connection.send(frame);
  }

  /**
   * Hands every message to `handle`, in order, the next after the last is done; resolves when
   * the peer closes. A failure of `handle` is told to the peer and ends the connection.
   * @throws IoasisError of the connection, of the peer (`fault`), of `handle`, or given to `fail`
   */
  async run(handle: (message: Message) => Promise<void> | void): Promise<void> {
    try {
      for (let frame = await this.#connection.receive(); frame !== null; frame = await this.#connection.receive()) {
        const message = parseMessage(frame);
        if (message.type === "fault") throw told(this.address, message.code, message.message);
        if (message.type === "hello") throw new IoasisError("ERR_PROTOCOL", `${this.address} said hello twice`);
        if (!this.#isLost) await this.#handled(handle, message);
      }
      if (this.#failure !== null) throw this.#failure;
    } catch (error) {
      await this.fail(error);
      throw this.#failure;
    } finally {
      await this.#connection.close();
    }
  }

  async #handled(handle: (message: Message) => Promise<void> | void, message: Message): Promise<void> {
    try {
      await handle(message);
    } catch (error) {
      if (!isLoss(error)) throw error;
      this.#isLost = true;
    }
  }

  /** Tells the peer why and ends the connection; `run` then ends with `error`. */
  async fail(error: unknown): Promise<void> {
    this.#failure ??= error;
    await sayFault(this.#connection, error);
    await this.#connection.close();
  }

  /** For work beside `run`, which hears by itself why the connection ended. */
  async failUnlessLost(error: unknown): Promise<void> {
    if (isLoss(error)) this.#isLost = true;
    else await this.fail(error);
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

async function greeted(connection: Connection, self: ReplicaId): Promise<ReplicaId> {
  const frame = await connection.receive();
  const at = { peer: connection.peer };
  if (frame === null) throw new IoasisError("ERR_NETWORK", `${connection.peer} closed before it said hello`, at);
  const hello = parseMessage(frame);
  if (hello.type === "fault") throw told(connection.peer, hello.code, hello.message);
  if (hello.type !== "hello")
    throw new IoasisError("ERR_PROTOCOL", `${connection.peer} began with ${hello.type} instead of hello`, at);
  if (hello.protocol !== PROTOCOL) {
    const message = `${connection.peer} speaks protocol ${hello.protocol}, this ioasis speaks ${PROTOCOL}: run the same version at both ends`;
    throw new IoasisError("ERR_PROTOCOL", message, at);
  }
  if (hello.replica === self) {
    const message = `${connection.peer} is replica ${self}, and so is this: one journal is a copy of the other. Start one of them afresh`;
    throw new IoasisError("ERR_FORK", message, at);
  }
  return hello.replica;
}

function isLoss(error: unknown): boolean {
  return error instanceof IoasisError && error.code === "ERR_NETWORK";
}

/** The other side found the error and told it. */
class PeerFault extends IoasisError {}

function told(address: string, code: FailureCode, message: string): IoasisError {
  return new PeerFault(code, `${address} says: ${message}`, { peer: address });
}

/** The peer should know why; whether it still hears is not certain. */
async function sayFault(connection: Connection, error: unknown): Promise<void> {
  if (!(error instanceof IoasisError) || error.code === "ERR_NETWORK" || error instanceof PeerFault) return;
  await connection
    .send(encodeMessage({ type: "fault", code: error.code, message: error.message }))
    .catch(() => undefined);
}
