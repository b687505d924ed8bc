/**
 * The port that carries frames between two replicas: bytes and names only.
 *
 * What is above may rely on one thing: frames of one connection arrive whole, once and in the
 * order sent, until the connection ends. Everything else (a lost connection, a repeated
 * conversation, another order across connections) is handled above.
 *
 * transport.contract.ts is the specification; every adapter passes it.
 */

export interface Connection {
  /** The other end, for messages to people: a URL or an address. */
  readonly peer: string;

  /**
   * Hands over one frame. Resolves when the outgoing queue has room for another, which is not yet
   * an arrival. The caller must not change the bytes afterwards.
   * @throws IoasisError ERR_NETWORK (the connection has ended), ERR_LIMIT (larger than a frame may be)
   */
  send(frame: Uint8Array): Promise<void>;

  /**
   * The next frame in order; null once the other end has closed and every frame was taken. One
   * call at a time. A reader that stops calling makes the other end's `send` wait.
   * @throws IoasisError ERR_NETWORK (lost), ERR_LIMIT (the peer sent more than a frame may hold),
   *   ERR_PROTOCOL (not a binary frame)
   */
  receive(): Promise<Uint8Array | null>;

  /**
   * Ends the connection: frames already sent are delivered first, `receive` at this end gives
   * null. Resolves when it is down; idempotent.
   */
  close(): Promise<void>;
}

export interface Listener {
  /** What `connect` of the same transport takes to get here. */
  readonly url: string;
  /** Stops accepting and closes every connection that came in. Idempotent. */
  close(): Promise<void>;
}
